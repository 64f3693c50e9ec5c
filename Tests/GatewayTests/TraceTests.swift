import Client
import Foundation
import HTTPWire
import Testing

@testable import Gateway

@Suite("Gateway: traces across services")
struct TraceTests {
    /// The example of the recommendation, §3.2.2.
    static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let parent = "00f067aa0ba902b7"
    static let example = "00-\(id)-\(parent)-01"

    static func make(_ tracing: String = "{}") throws -> GatewayFixture {
        var plan = Plan()
        plan.sections = "tracing: \(tracing)"
        return try GatewayFixture.make(plan)
    }

    /// The parts of a well-formed field of version 00.
    static func parts(_ fields: HeaderList) throws -> (id: String, parent: String, flags: String) {
        let value = try #require(fields.value("traceparent"))
        let match = try #require(value.wholeMatch(of: #/00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])/#))
        return (String(match.output.1), String(match.output.2), String(match.output.3))
    }

    @Test(
        "a client's trace goes on with a span of the gateway's own, on both kinds of route, and its id is in both logs"
    )
    func takenOver() throws {
        let fixture = try Self.make()
        let fields: KeyValuePairs<String, String> = [
            "Traceparent": Self.example, "Tracestate": "congo=t61", "tracestate": "rojo=00f067aa0ba902b7",
        ]
        _ = try fixture.ask(try fixture.model.picture(5..<45), fields: fields)
        _ = try fixture.ask(body: [1], path: "/x", fields: fields)
        #expect(fixture.victim.seen.count == 2)
        var parents: Set<String> = [Self.parent]
        for seen in fixture.victim.seen {
            let (id, parent, flags) = try Self.parts(seen.fields)
            #expect(id == Self.id && flags == "01" && parents.insert(parent).inserted)
            #expect(seen.fields.values("tracestate") == ["congo=t61,rojo=00f067aa0ba902b7"])
        }
        #expect(try fixture.lines("decisions").map { $0["trace"] as? String } == [Self.id])
        #expect(try fixture.lines("access").map { $0["trace"] as? String } == [Self.id, Self.id])
    }

    @Test("a trace that its client does not record is not marked as recorded")
    func unsampled() throws {
        let fixture = try Self.make()
        _ = try fixture.ask(body: [], path: "/x", fields: ["traceparent": "00-\(Self.id)-\(Self.parent)-00"])
        #expect(try Self.parts(fixture.victim.seen[0].fields).flags == "00")
    }

    @Test(
        "without a well-formed trace a new one begins, and a state of unknown origin is dropped (§3.2.2.5, §3.3.1.3)",
        arguments: [
            [], [example, example], ["00-\(id)-\(parent)"], ["ff-\(id)-\(parent)-01"],
            ["00-00000000000000000000000000000000-\(parent)-01"], ["00-\(id.uppercased())-\(parent)-01"],
        ])
    func begun(_ traceparents: [String]) throws {
        let fixture = try Self.make("{sampled: false}")
        var fields = try HeaderList(["tracestate": "congo=t61"])
        for value in traceparents { try fields.add("traceparent", value) }
        for _ in 0..<2 { _ = try fixture.client().send(.get, "/x", fields: fields, body: []) }
        let seen = try fixture.victim.seen.map { try Self.parts($0.fields) }
        #expect(
            seen.count == 2 && Set(seen.map(\.id) + [Self.id]).count == 3
                && Set(seen.map(\.parent)).count == 2)
        #expect(seen.allSatisfy { $0.flags == "00" })
        #expect(fixture.victim.seen.allSatisfy { !$0.fields.contains("tracestate") })
        #expect(try Set(fixture.lines("access").map { $0["trace"] as? String }) == Set(seen.map(\.id)))
    }

    @Test("no trace begins where it is not wanted, and off leaves the fields alone")
    func modes() throws {
        let taking = try Self.make("{mode: continue}")
        _ = try taking.ask(body: [], path: "/x")
        _ = try taking.ask(body: [], path: "/x", fields: ["traceparent": Self.example])
        #expect(!taking.victim.seen[0].fields.contains("traceparent"))
        #expect(try Self.parts(taking.victim.seen[1].fields).id == Self.id)
        let off = try Self.make("{mode: \"off\"}")
        _ = try off.ask(body: [], path: "/x", fields: ["traceparent": Self.example, "tracestate": "a=1"])
        #expect(off.victim.seen[0].fields.value("traceparent") == Self.example)
        #expect(off.victim.seen[0].fields.value("tracestate") == "a=1")
        #expect(try off.lines("access")[0]["trace"] == nil)
    }
}
