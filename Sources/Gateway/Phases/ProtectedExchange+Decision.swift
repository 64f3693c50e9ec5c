import HTTPWire
import Policy
import Proxy
import Query
import SAME
import Store
import Synchronization

/// Everything a decision is made from.
struct Joined {
    let batch: QueryBatch
    let examinations: [Examination]
    let response: CollectedResponse
}

extension ProtectedExchange {
    /// Scores every row against the victim's answer, asks the policy, and carries its verdict out.
    func decide(_ joined: Joined) {
        latencies.decisionBegun = services.clock.now()
        let status = joined.response.head.status
        guard (200...299).contains(status) else {
            let scores = assess(joined, answer: nil)
            settle(scores.map(Assessment.init))
            // An error of the victim carries no prediction: there is nothing to protect.
            record(
                Decision(scores, .none, reason: "the upstream answered \(status)"),
                joined)
            return deliver(joined.response.response)
        }
        let reading = read(joined.response, rows: joined.batch.rows)
        let answer = try? reading.get()
        let scores = assess(joined, answer: answer)
        let assessments = scores.map(Assessment.init)
        settle(assessments)
        let verdict = protection.policy.verdict(for: assessments)
        var decision = Decision(scores, .rows(verdict), reason: reading.failureReason)
        if answer == nil, protection.onUnreadableAnswer == .reject { decision.verdict = .refused }
        decision.leavesAnswer = answer == nil
        guard protection.mode == .enforce else {
            record(decision, joined)
            return deliver(joined.response.response)
        }
        carryOut(decision, joined, answer)
    }

    private func carryOut(_ decision: Decision, _ joined: Joined, _ answer: Answer?) {
        guard case .rows(let verdict) = decision.verdict else {
            record(decision, joined)
            return reply(GatewayProblem.unreadableAnswer)
        }
        switch verdict.outcome {
        case .answer:
            record(decision, joined)
            deliver(perturbed(verdict, joined, answer))
        case .reject:
            record(decision, joined)
            reply(GatewayProblem.rejected)
        case .proofOfWork(let demand):
            switch challenge(demand, withholding: perturbed(verdict, joined, answer), joined.batch) {
            case .success(let problem):
                record(decision, joined)
                reply(problem)
            case .failure(let error): cannotChallenge(error.reason, decision, joined)
            }
        }
    }

    // MARK: The answer

    private func read(_ response: CollectedResponse, rows: Int) -> Result<Answer, UnreadableAnswer> {
        let result = Result { () throws(UnreadableAnswer) in
            if let coding = contentCoding(response.head.fields) {
                throw UnreadableAnswer(reason: "its content coding is \(coding)")
            }
            do {
                let isOpen = protection.reader.format.wireProtocol == .openInference
                let jsonBytes = isOpen ? try RawTensors.jsonBytes(response.head.fields) : nil
                return try protection.reader.read(response.body, rows: rows, jsonBytes: jsonBytes)
            } catch {
                throw UnreadableAnswer(describing: error)
            }
        }
        if case .failure(let error) = result {
            services.counters.unreadableAnswers.wrappingAdd(1, ordering: .relaxed)
            services.unreadableAnswers.note(
                error.reason, route: route.name, upstream: route.upstream.settings.name,
                requestID: exchange.requestID.text)
        }
        return result
    }

    private func assess(_ joined: Joined, answer: Answer?) -> [AnomalyScore] {
        joined.examinations.enumerated().map { row, examination in
            protection.scorer.assess(examination, answer: answer?.told(of: row) ?? .nothing)
        }
    }

    /// The answer with the rows whose verdict is perturb changed. Where the answer could not be read it stays as it is,
    /// which `on_unreadable_answer` has allowed; settings ask for no change where answers do not tell every class.
    private func perturbed(_ verdict: BatchVerdict, _ joined: Joined, _ answer: Answer?) -> Response {
        var response = joined.response.response
        guard let answer, answer.summary == .none, !verdict.perturbations.isEmpty else { return response }
        var changes: [Int: [Float]] = [:]
        for (row, plan) in verdict.perturbations {
            changes[row] = services.perturber.apply(
                plan, to: answer.row(row), row: joined.batch.digests[row])
        }
        let changed = answer.rewritten(rows: changes)
        response.body = changed.bytes
        // A number always fits a field.
        if let count = changed.jsonBytes { try? response.fields.set(RawTensors.name, String(count)) }
        // What vouches for the bytes as they were is no longer true (RFC 9110 §8.8.3).
        response.fields.remove("etag")
        response.fields.removeDigests()
        return response
    }

    // MARK: Proof-of-work

    /// Keeps the answer and demands work for it. It fails when either cannot be done: the query is then refused, since
    /// answering free would make exhausting the store the way around it.
    private func challenge(
        _ demand: WorkDemand, withholding response: Response, _ batch: QueryBatch
    ) -> Result<ProblemDocument, CannotChallenge> {
        do {
            let issued = try services.authority.issue(
                demand, for: binding(batch), now: services.unix.now(), lifetime: services.challengeLifetime)
            let kept = try services.store.withhold(
                WithheldAnswer(response), as: StoreKey(issued.challenge.nonce),
                until: issued.challenge.expires)
            guard kept == .held else {
                return .failure(CannotChallenge(reason: "the answer cannot be withheld: \(kept)"))
            }
            return .success(GatewayProblem.workDemanded(issued, lifetime: services.challengeLifetime))
        } catch {
            return .failure(CannotChallenge(reason: "no challenge can be issued: \(error)"))
        }
    }

    private func cannotChallenge(_ reason: String, _ decision: Decision, _ joined: Joined) {
        services.counters.unchallengeable.wrappingAdd(1, ordering: .relaxed)
        services.log.warning("\(reason)", metadata: ["request_id": "\(exchange.requestID)"])
        record(Decision(decision.scores, .refused, reason: reason), joined)
        respond(GatewayProblem.cannotWithhold, retryAfterSeconds: 1)
    }

    /// What a challenge for this query is bound to. Anonymous clients share one identity; the query and the route still
    /// bind, and an address never does (dual-stack clients change theirs).
    private func binding(_ batch: QueryBatch) -> ChallengeBinding {
        ChallengeBinding(client: note.account ?? "anonymous", route: route.name, query: batch.digest)
    }

    /// Releases the withheld answer for a valid, fresh proof. The victim is not asked and the policy not consulted again.
    func redeem(_ field: String, _ batch: QueryBatch) {
        isOver = true
        guard let proof = ProofField(parsing: field) else { return refuseProof(Self.proofMalformed) }
        switch verify(proof, for: batch) {
        case .failure(let error): refuseProof(error.publicReason)
        case .success(let challenge): release(challenge, batch)
        }
    }

    private static let proofMalformed = "the \(ProofField.name) field is not CHALLENGE:NUMBER"

    /// Judges a proof as far as it can be judged without the query, before a long body is decoded for it: whatever it is for, one that
    /// is made up costs no more than itself. Returns false when that has settled the request.
    func admitsProof() -> Bool {
        guard let field = proofField, let reason = objection(to: field) else { return true }
        isOver = true
        refuseProof(reason)
        return false
    }

    /// What is wrong with a proof whatever the query is, for the client.
    func objection(to field: String) -> String? {
        guard let proof = ProofField(parsing: field) else { return Self.proofMalformed }
        func ask(_ authority: ChallengeAuthority) -> ProofError? {
            authority.objection(to: proof.token, solution: proof.solution, now: services.unix.now())
        }
        let error = ask(services.authority)
        guard error == .forged, let retired = services.retired else { return error?.publicReason }
        return ask(retired)?.publicReason
    }

    private func verify(_ proof: ProofField, for batch: QueryBatch) -> Result<Challenge, ProofError> {
        func ask(_ authority: ChallengeAuthority) -> Result<Challenge, ProofError> {
            authority.verify(
                token: proof.token, solution: proof.solution, expected: binding(batch),
                now: services.unix.now())
        }
        let verified = ask(services.authority)
        guard case .failure(.forged) = verified, let retired = services.retired else { return verified }
        return ask(retired)
    }

    private func release(_ challenge: Challenge, _ batch: QueryBatch) {
        let key = StoreKey(challenge.nonce)
        do throws(StoreError) {
            switch try services.store.claim(key, until: challenge.expires) {
            case .replayed: return refuseProof("this proof has been used already")
            case .expired: return refuseProof(ProofError.expired.publicReason)
            case .full: return cannotClaim("no room to remember the proof")
            case .handedOver: return cannotClaim("another process answers proofs now")
            case .fresh: break
            }
            guard let response = try services.store.redeem(key)?.response else {
                return refuseProof("the answer is no longer held; send the query again for a new challenge")
            }
            recordRelease(challenge, batch)
            deliver(response)
        } catch {
            cannotClaim("the store is out: \(error)")
        }
    }

    private func cannotClaim(_ reason: String) {
        services.counters.proofsRefused.wrappingAdd(1, ordering: .relaxed)
        services.log.warning("\(reason)", metadata: ["request_id": "\(exchange.requestID)"])
        recordUnscored(reason, as: .refused)
        respond(GatewayProblem.storeUnavailable, retryAfterSeconds: 1)
    }

    private func refuseProof(_ reason: String) {
        // A proof that holds is not charged, since its query was; one that does not is a request like others.
        guard admit(rows: 1) else { return }
        settleEstimate()
        services.counters.proofsRefused.wrappingAdd(1, ordering: .relaxed)
        recordUnscored("proof refused: \(reason)", as: .refused)
        reply(GatewayProblem.proofRefused(reason))
    }
}

extension Answer {
    /// What it tells of a row, for the terms that need it.
    func told(of row: Int) -> VictimAnswer {
        switch summary {
        case .none: .distribution(self.row(row))
        case .confidences(let values): .confidence(values[row])
        case .labels: .nothing
        }
    }
}

/// What was decided of a scored request, for the log and for carrying it out.
struct Decision {
    enum Verdicts {
        /// There was no prediction to decide about.
        case none
        /// Each row's verdict counts.
        case rows(BatchVerdict)
        /// The whole request is refused, whatever its scores are.
        case refused
    }

    let scores: [AnomalyScore]
    var verdict: Verdicts
    let reason: String?
    /// The answer could not be read, so nothing of it can be changed: a verdict that asks for that is not carried out.
    var leavesAnswer = false

    init(_ scores: [AnomalyScore], _ verdict: Verdicts, reason: String?) {
        self.scores = scores
        self.verdict = verdict
        self.reason = reason
    }
}

/// Why a challenge could not be issued or its answer not kept; for the operator.
struct CannotChallenge: Error {
    let reason: String
}

/// Why an answer's probabilities cannot be used; for the decision log.
struct UnreadableAnswer: Error {
    let reason: String

    init(reason: String) { self.reason = reason }

    /// The error in words, the route's settings by their names.
    init(describing error: any Error) {
        let settings = AnswerError.Settings(
            output: "answer.name of the route", kind: "answer.kind of the route")
        reason = (error as? AnswerError)?.description(naming: settings) ?? "\(error)"
    }
}

extension Result where Failure == UnreadableAnswer {
    /// The reason of a failure.
    var failureReason: String? {
        if case .failure(let error) = self { "unreadable answer: \(error.reason)" } else { nil }
    }
}

extension Assessment {
    /// What the policy needs of a score.
    init(_ score: AnomalyScore) {
        self.init(score: score.raw, percentile: score.percentile, surprise: score.surprise)
    }
}

extension StoreKey {
    /// The key of a challenge's claim and of its withheld answer.
    init(_ nonce: ChallengeNonce) { self.init(high: nonce.high, low: nonce.low) }
}
