import Digest
import Engine
import Foundation
import Learning
import Query
import SAME
import Tensor

/// Red-teams a live gateway: honest users and attackers ask it over HTTP, and what they get is counted.
package struct LiveRedTeam {
    /// What is run.
    package struct Plan: Sendable {
        package var url: String
        package var attacks: [String]
        package var budget: Int
        package var seed: UInt64 = 1
        /// Test pictures that honest users send.
        package var honestCount = 500
        /// Where traces are put.
        package var folder: String
        /// Whether what an earlier run has finished or begun there is used.
        package var resumes = false
        /// What tells the clients from others that ask the same, such as whether they pay: what they get depends on it. Kept as it
        /// is, so it holds no secret.
        package var client = ""

        /// A plan as given.
        package init(url: String, attacks: [String], budget: Int, folder: String) {
            self.url = url
            self.attacks = attacks
            self.budget = budget
            self.folder = folder
        }
    }

    /// What a decision log says of one query.
    package struct Decision: Hashable, Sendable {
        /// Of the benign queries that score lower; nil where the query was not scored. **Units** percent.
        package var percentile: Double?

        /// A decision as given.
        package init(percentile: Double?) { self.percentile = percentile }
    }

    private let plan: Plan
    private let data: Evaluation.Data
    private let query: QueryFormat
    private let reference: Predictor?
    private let referenceDigest: String
    private let workspace: Workspace
    private let stop: StopFlag
    private let show: (TrainingProgress) -> Void
    private let connect: () throws -> HTTPOracle

    /// An answer's values may differ by this much from the reference's without having been touched.
    private static let tolerance: Float = 1e-3

    /// A red team whose clients ask through the oracles that `connect` makes, in the format `query`; `reference` is the victim
    /// itself, where the owner has it at hand, whose answers are the clean ones.
    package init(
        plan: Plan, data: Evaluation.Data, query: QueryFormat, reference: Classifier?, workspace: Workspace,
        stop: StopFlag, show: @escaping (TrainingProgress) -> Void, connect: @escaping () throws -> HTTPOracle
    ) {
        self.plan = plan
        self.data = data
        self.query = query
        self.reference = reference.map { Predictor($0) }
        var hasher = SHA256Hasher()
        Evaluation.update(&hasher, reference?.stateDict ?? [:])
        referenceDigest = hasher.finish().hex
        self.workspace = workspace
        self.stop = stop
        self.show = show
        self.connect = connect
    }

    /// What the gateway's log says of the queries with these digests.
    package typealias Decisions = (_ queries: Set<SHA256Digest>) throws -> [SHA256Digest: Decision]

    /// Runs everything; `decisions`, where there is a log, is called at the end. Each finished part is kept in the plan's folder,
    /// and `AttackError.stopped` leaves what the unfinished one has asked there too.
    package func run(decisions: Decisions? = nil) throws -> LiveResult {
        let store = try CellStore(folder: plan.folder, resumes: plan.resumes)
        let key = key
        let (honest, test) = try honestUsers(store, key)
        var parts = [honest]
        for name in plan.attacks { parts.append(try attack(name, test, store, key)) }
        if let decisions { try Self.place(&parts, decisions) }
        let attacks = parts.dropFirst().map(\.treatment)
        return LiveResult(
            url: plan.url, honest: parts[0].treatment, attacks: attacks,
            advice: LiveAdvice(honest: parts[0].treatment, attacks: attacks, budget: plan.budget))
    }

    /// Notes in each part what the log says of its queries.
    private static func place(_ parts: inout [Part], _ decisions: Decisions) throws {
        let digests = parts.map { part in
            part.digests.compactMap { Hex.decode($0).flatMap(SHA256Digest.init(bytes:)) }
        }
        let log = try decisions(Set(digests.joined()))
        for (index, digests) in digests.enumerated() {
            let found = digests.compactMap { log[$0] }
            parts[index].treatment.decided = found.count
            parts[index].treatment.percentiles = found.compactMap(\.percentile)
        }
    }

    // MARK: Kept parts

    /// What came of one client.
    private struct Part: Codable {
        var treatment: LiveResult.Treatment
        /// Of its queries, as the gateway's log has them.
        var digests: [String]
    }

    /// What came of honest users, the rows of the pictures that substitutes are measured on, and the victim's opinion of these.
    private struct HonestPart: Codable {
        var part: Part
        var rows: [Int]
        var victim: [Int]
    }

    /// What tells whether a kept part is of these clients with these pictures, at this gateway. How the gateway was configured
    /// nobody knows here: whoever resumes says that it is the same.
    private var key: [String: String] {
        [
            "url": plan.url, "client": plan.client, "reference": referenceDigest,
            "honest": "\(plan.honestCount) \(data.test.digest) \(Self.digest(data.testLabels))",
            "proxy": "\(data.material.proxy.images.digest) \(Self.digest(data.material.proxy.labels))",
            "own": "\(data.material.own.images.digest) \(data.material.seedCount)",
        ]
    }

    private static func digest(_ labels: Labels?) -> String {
        labels.map { SHA256.digest(of: "\($0.classes) \($0.values)").hex } ?? "-"
    }

    // MARK: Honest users

    /// What honest users got, and the pictures with classes that substitutes are measured on: the victim's opinion is the
    /// reference's or, without one, what the gateway answered.
    private func honestUsers(
        _ store: CellStore, _ key: [String: String]
    ) throws -> (Part, SubstituteTest) {
        let pictures = data.test.canonical(0..<min(plan.honestCount, data.test.count), range: .signed)
        var isKept: Bool? = true
        var found = try store.value("live-honest", key) { () -> HonestPart in
            isKept = nil
            return try askHonestly(pictures)
        }
        found.part.treatment.isKept = isKept
        let test = SubstituteTest(
            pictures: pictures.gathering(rows: found.rows),
            labels: found.rows.map { data.testLabels.values[$0] }, victimLabels: found.victim)
        return (found.part, test)
    }

    private func askHonestly(_ pictures: Tensor) throws -> HonestPart {
        let oracle = try connect()
        let asked = key.filter { !["proxy", "own"].contains($0.key) }
        let unfinished = AttackSession.Checkpoint(
            path: "\(plan.folder)/traces/live-honest.safetensors.unfinished", of: CellStore.digest(asked))
        let earlier = plan.resumes ? try unfinished.earlier() : nil
        let session = session(oracle, "honest users", pictures.rows, unfinished, earlier)
        let replies: [OracleReply]
        do throws(AttackError) {
            replies = try session.ask(pictures)
        } catch {
            throw told(error, oracle)
        }
        try? FileManager.default.removeItem(atPath: unfinished.path)
        var treatment = treatment(RunHistogram.honest, pictures, replies, oracle)
        treatment.takenUp = earlier?.count
        let part = Part(treatment: treatment, digests: digests(pictures))
        if let reference {
            let answers = reference.probabilities(pictures, workspace: workspace)
            let rows = Array(0..<pictures.rows)
            return HonestPart(part: part, rows: rows, victim: rows.map { answers.row($0).largest ?? 0 })
        }
        let rows = replies.indices.filter { replies[$0].label != nil }
        return HonestPart(part: part, rows: rows, victim: rows.compactMap { replies[$0].label })
    }

    /// The error as it is told: of a gateway that never gave a sign of life there is nothing to go on from.
    private func told(_ error: AttackError, _ oracle: HTTPOracle) -> AttackError {
        guard case .oracle(.silent(_, _, let reason)) = error, oracle.statuses.isEmpty else { return error }
        return .unfit(
            attack: "red-teaming", reason: "nothing at \(plan.url) answers over HTTP: \(reason)")
    }

    /// A client's account with the gateway; `phase` is its name in what is shown of its progress.
    private func session(
        _ oracle: HTTPOracle, _ phase: String, _ budget: Int, _ unfinished: AttackSession.Checkpoint,
        _ earlier: AttackRecord?
    ) -> AttackSession {
        let began = ContinuousClock.now
        return AttackSession(
            oracle: oracle, budget: budget, workspace: workspace, stop: stop, earlier: earlier,
            checkpoint: unfinished
        ) { asked, budget in
            show(Evaluation.progress(phase, asked, budget, began))
        }
    }

    // MARK: Attacks

    /// What came of an attack, now or in an earlier run.
    private func attack(
        _ name: String, _ test: SubstituteTest, _ store: CellStore, _ key: [String: String]
    ) throws -> Part {
        let attack = AttackCatalogue.attack(
            named: name, material: data.material, budget: plan.budget, seed: plan.seed)
        guard let attack else {
            throw AttackError.unfit(attack: name, reason: "there is no attack of this name")
        }
        var parts = attack.options.merging(key) { $1 }
        parts["attack"] = name
        parts["budget"] = "\(plan.budget)"
        parts["seed"] = "\(plan.seed)"
        parts["queries"] = data.material.queries[name]?.images.digest
        var isKept: Bool? = true
        var part = try store.value("live-attack", parts) { () -> Part in
            isKept = nil
            let (treatment, queries) = try run(attack, name, test, parts)
            return Part(treatment: treatment, digests: digests(queries))
        }
        part.treatment.isKept = isKept
        return part
    }

    private func run(
        _ attack: any Attack, _ name: String, _ test: SubstituteTest, _ key: [String: String]
    ) throws -> (LiveResult.Treatment, Tensor) {
        let oracle = try connect()
        let path = "\(plan.folder)/traces/live-\(name)-\(plan.budget)-\(plan.seed).safetensors"
        // How many honest users there are changes what the substitute is measured on, and no query.
        let asked = key.filter { $0.key != "honest" }
        let unfinished = AttackSession.Checkpoint(
            path: path + ".unfinished", of: CellStore.digest(asked))
        let earlier = plan.resumes ? try unfinished.earlier() : nil
        let session = session(oracle, name, plan.budget, unfinished, earlier)
        do {
            let trace = try attack.run(through: session, seed: plan.seed, test: test)
            try trace.write(to: path)
            try? FileManager.default.removeItem(atPath: unfinished.path)
            var (found, queries) = treatment(name, trace.record, oracle)
            found.takenUp = earlier?.count
            (found.accuracy, found.fidelity) = (trace.summary.accuracy, trace.summary.fidelity)
            return (found, queries)
        } catch AttackError.unfit(_, _) where session.record.count > 0 {
            // The gateway gave it nothing to go on from: that is an outcome, not an error.
            return treatment(name, session.record, oracle)
        }
    }

    /// What became of the queries that an attack made, and these queries. What it began with, genuine pictures, is no query of
    /// its own making; statuses, proofs and hashes are of all that it sent.
    private func treatment(
        _ name: String, _ record: AttackRecord, _ oracle: HTTPOracle
    ) -> (LiveResult.Treatment, Tensor) {
        let made = record.origins.indices.filter { record.origins[$0] == .attack }
        let queries = record.queries(at: made)
        return (treatment(name, queries, made.map { record.replies[$0] }, oracle), queries)
    }

    private func treatment(
        _ name: String, _ queries: Tensor, _ replies: [OracleReply], _ oracle: HTTPOracle
    ) -> LiveResult.Treatment {
        var refused: [String: Int] = [:]
        for case .refused(let reason) in replies { refused[reason.rawValue, default: 0] += 1 }
        let changes = changes(queries, replies)
        let touched = changes?.filter { $0 > Self.tolerance }
        return LiveResult.Treatment(
            name: name, asked: replies.count, answered: replies.count { $0.answer != nil }, refused: refused,
            reasons: oracle.reasons,
            statuses: Dictionary(uniqueKeysWithValues: oracle.statuses.map { ("\($0)", $1) }),
            perturbed: touched?.count,
            perturbation: touched.flatMap { $0.isEmpty ? nil : Double($0.reduce(0, +)) / Double($0.count) },
            proofs: oracle.proofCount, hashesPaid: oracle.proofHashes, hashesAsked: oracle.askedHashes,
            proofSeconds: oracle.proofTime / .seconds(1))
    }

    /// Σ|answer − reference| of every answered query; nil without a reference.
    private func changes(_ queries: Tensor, _ replies: [OracleReply]) -> [Float]? {
        guard let reference else { return nil }
        let rows = replies.indices.filter { replies[$0].answer != nil }
        let clean = reference.probabilities(queries.gathering(rows: rows), workspace: workspace)
        return rows.enumerated().map { place, row in
            zip(replies[row].answer ?? [], clean.row(place)).reduce(0) { $0 + abs($1.0 - $1.1) }
        }
    }

    /// The digests that the gateway's log has for these queries: of what its decoder reads from the wire, where rounding to
    /// decimal numbers may have moved the last bit.
    private func digests(_ queries: Tensor) -> [String] {
        let encoder = QueryEncoder(query), decoder = QueryDecoder(query)
        return (0..<queries.rows).flatMap { row -> [String] in
            let batch = QueryBatch(shape: query.shape, values: Array(queries.row(row)))
            return (try? decoder.decode(encoder.body(batch)))?.digests.map(\.hex) ?? []
        }
    }
}
