import Client
import Dispatch
import Foundation
import HTTPWire
import Service
import Store
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Policy
@testable import Settings

@Suite("Gateway: what a successor is given")
struct HandOverTests {
    /// A gateway with the same settings that takes over from the fixture's.
    private func successor(
        of fixture: GatewayFixture, _ settings: GatewaySettings? = nil
    ) throws -> Gateway {
        let (theirs, ours) = try StateStream.pair()
        let old = fixture.gateway
        DispatchQueue.global().async { @Sendable in
            if theirs.awaitRequest() { old.handOver(to: theirs) }
        }
        let gateway = try Gateway(
            try GatewayAssembly(settings ?? fixture.settings), log: GatewayFixture.log, predecessor: ours)
        try gateway.start()
        return gateway
    }

    private func client(of gateway: Gateway) throws -> HTTPClient {
        HTTPClient(try Endpoint(parsing: gateway.addresses[0]), timeout: .seconds(60))
    }

    private func end(_ gateway: Gateway) {
        let ended = DispatchSemaphore(value: 0)
        gateway.drain { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }

    @Test("a challenge of the old process is good in the new one, once, and in the old one no longer")
    func challenge() throws {
        let (fixture, picture) = try ProofTests.make()
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        let next = try successor(of: fixture)
        let refused = try fixture.ask(picture, proof: proof)
        #expect(refused.status == 503 && refused.fields.value("retry-after") == "1")
        let fields = try HeaderList([ProofField.name: proof.value])
        let path = "/v1/models/m:predict"
        let body = fixture.body([picture])
        let answer = try client(of: next).send(.post, path, fields: fields, body: body)
        #expect(answer.status == 200 && answer.body == fixture.victim.answers[0])
        let replay = try client(of: next).send(.post, path, fields: fields, body: body)
        #expect(try replay.problem()["detail"] as? String == "this proof has been used already")
        #expect(fixture.victim.seen.count == 1)
        end(next)
    }

    @Test("a proof that was used in the old process is a replay in the new one")
    func replay() throws {
        let (fixture, picture) = try ProofTests.make()
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        #expect(try fixture.ask(picture, proof: proof).status == 200)
        let next = try successor(of: fixture)
        let fields = try HeaderList([ProofField.name: proof.value])
        let replay = try client(of: next).send(
            .post, "/v1/models/m:predict", fields: fields, body: fixture.body([picture]))
        #expect(try replay.problem()["detail"] as? String == "this proof has been used already")
        end(next)
    }

    @Test("what the old process withholds after it has been asked is the new one's too")
    func late() throws {
        let (fixture, picture) = try ProofTests.make()
        let next = try successor(of: fixture)
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        #expect(eventually("the answer is there") { next.storeStatistics.answers == 1 })
        let answer = try client(of: next).send(
            .post, "/v1/models/m:predict", fields: try HeaderList([ProofField.name: proof.value]),
            body: fixture.body([picture]))
        #expect(answer.status == 200)
        end(next)
    }

    @Test("with another key in the new process the old challenges stay good, and new ones are its own")
    func otherKey() throws {
        let (fixture, picture) = try ProofTests.make()
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        try Data((0..<32).map { UInt8($0 + 1) }).write(
            to: URL(fileURLWithPath: fixture.folder + "/gateway.key"))
        let next = try successor(of: fixture)
        #expect(next.services.retired != nil)
        let answer = try client(of: next).send(
            .post, "/v1/models/m:predict", fields: try HeaderList([ProofField.name: proof.value]),
            body: fixture.body([picture]))
        #expect(answer.status == 200)
        end(next)
    }

    @Test("when the successor never serves, the old process takes proofs again")
    func failure() throws {
        let (fixture, picture) = try ProofTests.make()
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        let next = try successor(of: fixture)
        end(next)
        #expect(try fixture.ask(picture, proof: proof).status == 503)
        fixture.gateway.keepState()
        #expect(try fixture.ask(picture, proof: proof).status == 200)
        #expect(try fixture.ask(picture, proof: proof).status == 403)
    }

    @Test(
        "without a successor's stream a challenge of an earlier run is refused with the advice to ask again")
    func fresh() throws {
        let (fixture, picture) = try ProofTests.make()
        let proof = try ProofTests.solve(try fixture.ask(picture).challenge())
        try fixture.restart()
        let refused = try fixture.ask(picture, proof: proof)
        #expect(refused.status == 403)
        #expect(
            try (refused.problem()["detail"] as? String)?.hasSuffix("send the query again for a new one")
                == true)
        #expect(try fixture.ask(picture).status == 428)
    }

    @Test("messages are read as they were written, and what is none of them is passed over")
    func messages() throws {
        let key = StoreKey(high: 1 << 63 | 5, low: 7)
        let until = Duration.seconds(1_800_000_000) + .nanoseconds(123_456_789)
        let all: [HandOverMessage] = [
            .complete, .authorities(present: [1, 2], retired: nil),
            .authorities(present: [1, 2], retired: [3]),
            .entry(.claim(key, until: until)),
            .entry(.answer(WithheldAnswer(head: [1, 2, 3], body: []), key, until: until)),
            .entry(.answer(WithheldAnswer(head: [], body: [9]), key, until: until)),
        ]
        for message in all {
            #expect(HandOverMessage(message.bytes) == message)
            if message != .complete { #expect(HandOverMessage(Array(message.bytes.prefix(5))) == nil) }
        }
        let tooMany = [UInt8](repeating: 0xFF, count: 60)
        for kind: UInt8 in 0...9 { #expect(HandOverMessage([kind] + tooMany) == nil) }
        #expect(HandOverMessage([]) == nil)
    }

    @Test("an inherited socket goes by the address of its listener, as its limits do, wherever it is")
    func inheritedName() throws {
        let fixture = try GatewayFixture.make(Plan(listen: ", limits: {header_count: 7}"))
        let address = try #require(SocketAddress(host: "127.0.0.2", port: 0))
        let socket = InheritedSockets.Socket(name: "web", listener: try Listener(binding: address))
        var settings = fixture.settings
        settings.listeners[0].socket = "web"
        let assembly = try GatewayAssembly(settings)
        let sockets = try GenerationSockets(assembly, after: nil, inherited: InheritedSockets([socket]))
        let name = LimitTable(fixture.settings).listeners.keys.first
        #expect(sockets.listeners.map(\.listener.name) == ["127.0.0.1:0"] && name == "127.0.0.1:0")
        #expect(sockets.listeners[0].listener.localAddress == socket.listener.localAddress)
    }
}
