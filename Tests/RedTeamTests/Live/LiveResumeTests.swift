import Client
import Foundation
import Learning
import Query
import SAME
import Tensor
import TestSupport
import Testing

@testable import RedTeam

/// A gateway that lives in the test: it answers every query with the same, or does what its script says.
private final class ScriptedGateway {
    /// What it does with its n-th request, counted from 0 over all clients; nil for a plain answer.
    var script: (Int) throws(ClientError) -> HTTPOracle.Response? = { _ throws(ClientError) in nil }
    private(set) var requests = 0

    private static let answer = Array(#"{"predictions": [[0.1, 0.2, 0.3, 0.4]]}"#.utf8)

    func oracle(_ query: QueryFormat) -> HTTPOracle {
        HTTPOracle(
            name: "http://gateway/m", query: query, answer: AnswerFormat(sumTolerance: 0.01), classes: 4,
            sleep: { _ in }
        ) { [self] (_, _) throws(ClientError) in
            defer { requests += 1 }
            return try script(requests) ?? HTTPOracle.Response(200, Self.answer)
        }
    }
}

@Suite("A red team that was cut off")
struct LiveResumeTests {
    private static let image = ImageShape(channels: 1, height: 16, width: 16)
    private static let query = QueryFormat(
        layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image)
    private static let honest = 20
    private static let budget = 30

    private static func team(
        _ gateway: ScriptedGateway, _ folder: ScratchFolder, resumes: Bool = false, client: String = "",
        reference: Classifier? = nil, honest: Int = honest
    ) -> LiveRedTeam {
        let noise = SimpleQueries.uniformNoise(count: 60, image: image, seed: 1)
        var material = AttackMaterial(
            proxy: PicturePool(noise, shape: image), own: EvaluationTests.own(60))
        material.training.kind = .mlp(hidden: 8)
        material.training.epochs = 1
        var plan = LiveRedTeam.Plan(
            url: "http://gateway/m", attacks: ["knockoff"], budget: budget, folder: folder.path)
        plan.honestCount = honest
        plan.resumes = resumes
        plan.client = client
        return LiveRedTeam(
            plan: plan,
            data: .init(
                material: material, test: EvaluationTests.own(40, seed: 9).images,
                testLabels: Labels(values: (0..<40).map { $0 % 4 }, classes: 4)),
            query: query, reference: reference, workspace: Workspace(threads: 1), stop: StopFlag(),
            show: { _ in }
        ) { gateway.oracle(query) }
    }

    private static func cells(_ folder: ScratchFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.file("cells")).sorted()
    }

    @Test(
        "a gateway that dies in the middle gives an error and no figures, and --resume asks what is missing")
    func died() throws {
        let folder = try ScratchFolder()
        let gateway = ScriptedGateway()
        gateway.script = { number throws(ClientError) in
            if number >= Self.honest + 10 { throw .connectFailed(errno: 111) }
            return nil
        }
        let error = #expect(throws: AttackError.self) { try Self.team(gateway, folder).run() }
        #expect(error?.description.contains("no longer answers") == true)
        #expect(try Self.cells(folder).count { $0.hasPrefix("live-attack") } == 0)
        #expect(try Self.cells(folder).count { $0.hasPrefix("live-honest") } == 1)
        gateway.script = { _ throws(ClientError) in nil }
        let result = try Self.team(gateway, folder, resumes: true).run()
        #expect(result.honest.isKept == true && result.attacks[0].answeredShare == 1)
    }

    @Test("what an unfinished run has asked is taken up by the same client with the same reference alone")
    func otherClient() throws {
        let folder = try ScratchFolder()
        let gateway = ScriptedGateway()
        gateway.script = { number throws(ClientError) in
            if number == Self.honest + 10 { throw .badRequest("cut off") }
            return nil
        }
        #expect(throws: AttackError.self) { try Self.team(gateway, folder, client: "pays").run() }
        var generator = RandomGenerator(seed: 5)
        let model = try Classifier(.mlp(image: Self.image, classes: 4, hidden: 8), generator: &generator)
        for other in [
            Self.team(gateway, folder, resumes: true, client: "pays not"),
            Self.team(gateway, folder, resumes: true, client: "pays", reference: model),
        ] {
            let error = #expect(throws: AttackError.self) { try other.run() }
            guard case .trace(let path, _) = error else {
                Issue.record("another client's queries were taken up: \(String(describing: error))")
                continue
            }
            #expect(path.hasSuffix("live-knockoff-30-1.safetensors.unfinished"))
        }
        let same = try Self.team(gateway, folder, resumes: true, client: "pays", honest: 10).run()
        #expect(same.honest.asked == 10 && same.attacks[0].takenUp == 10)
    }

    @Test("a log that lacks queries' decisions is said to, in numbers")
    func missingDecisions() throws {
        let folder = try ScratchFolder()
        let gateway = ScriptedGateway()
        let known = try Self.team(gateway, folder).run { queries in
            Dictionary(uniqueKeysWithValues: queries.map { ($0, .init(percentile: 50)) })
        }
        #expect(known.honest.decided == Self.honest && known.attacks[0].percentiles.count == Self.budget)
        #expect(LiveReport(known).missingDecisions == nil)
        let lost = try Self.team(gateway, folder, resumes: true).run { _ in [:] }
        let text = try #require(LiveReport(lost).missingDecisions)
        #expect(
            text.hasPrefix("0 of 50 queries' decisions found in the log (honest 0 of 20, knockoff 0 of 30)"))
        #expect(LiveReport(lost).markdown.contains("0 of 50 queries' decisions"))
        let none = try Self.team(gateway, folder, resumes: true).run()
        #expect(none.honest.decided == nil && LiveReport(none).missingDecisions == nil)
    }

    @Test(
        "one answer that cannot be used loses no query: --resume asks the others alone", arguments: [5, 27])
    func badAnswer(place: Int) throws {
        let folder = try ScratchFolder()
        let gateway = ScriptedGateway()
        gateway.script = { number throws(ClientError) in
            number == place ? HTTPOracle.Response(200, Array("<html>".utf8)) : nil
        }
        let error = #expect(throws: AttackError.self) { try Self.team(gateway, folder).run() }
        guard case .oracle(let reason) = error else {
            Issue.record("not the victim's answer: \(String(describing: error))")
            return
        }
        #expect(reason.mayPass)
        #expect(gateway.requests == place + 1)
        let result = try Self.team(gateway, folder, resumes: true).run()
        #expect(gateway.requests == Self.honest + Self.budget + 1)
        #expect(result.honest.answered == Self.honest && result.attacks[0].answered == Self.budget)
        let cutOff = place < Self.honest ? result.honest : result.attacks[0]
        #expect(cutOff.takenUp == (place < Self.honest ? place : place - Self.honest))
        #expect(LiveReport(result).markdown.contains("were asked before an interruption"))
    }
}
