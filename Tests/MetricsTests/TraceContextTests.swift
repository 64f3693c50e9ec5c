import Testing

@testable import Metrics

@Suite("TraceContext: W3C Trace Context, level 1")
struct TraceContextTests {
    static let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("the recommendation's example is read and written back (§3.2.3)")
    func example() throws {
        let context = try #require(TraceContext(traceparent: [Self.good]))
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.parent == 0x00F0_67AA_0BA9_02B7)
        #expect(context.isSampled)
        #expect(context.traceparent == Self.good)
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        #expect(TraceContext(traceparent: [unsampled])?.traceparent == unsampled)
    }

    @Test(
        "flags that level 1 does not know are cleared when passed on (§3.2.2.5.2)",
        arguments: [("ff", "01"), ("fe", "00"), ("02", "00")])
    func flags(read: String, written: String) throws {
        let context = try #require(TraceContext(traceparent: [Self.good.dropLast(2) + read]))
        #expect(context.traceparent.hasSuffix("-" + written))
    }

    @Test(
        "malformed traceparent fields begin a new trace",
        arguments: [
            "", "00", "-", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "0A-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47367-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b77-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6.3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa.ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01what",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ])
    func malformed(field: String) { #expect(TraceContext(traceparent: [field]) == nil) }

    @Test(
        "later versions are read as far as they are known and answered in version 00 (§3.2.2.1)",
        arguments: [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        ])
    func later(field: String) { #expect(TraceContext(traceparent: [field])?.traceparent == Self.good) }

    @Test("none or several traceparent fields begin a new trace; blanks around one do not matter")
    func count() {
        #expect(TraceContext(traceparent: []) == nil)
        #expect(TraceContext(traceparent: [Self.good, Self.good]) == nil)
        #expect(TraceContext(traceparent: [" \t\(Self.good) "])?.traceparent == Self.good)
    }

    @Test(
        "tracestate is joined, and dropped as a whole when malformed (§3.3.1)",
        arguments: [
            (["foo=1,bar=2"], "foo=1,bar=2"), (["foo=1", "bar=2"], "foo=1,bar=2"),
            (["foo=1 , \tbar=2, ,"], "foo=1,bar=2"),
            ([""], ""), ([], ""), (["foo=1,foo=1"], ""), (["foo=1", "foo=2"], ""), (["foo"], ""),
            (["foo="], ""), (["=1"], ""),
            (["foo =1"], ""), (["FOO=1"], ""), (["foo.bar=1"], ""), (["foo@=1,bar=2"], ""),
            (["@foo=1,bar=2"], ""),
            (["foo@@bar=1"], ""), (["foo@bar@baz=1"], ""), (["foo=1=2"], ""), (["foo=é"], ""),
            (["foo=\u{7F}"], ""),
            (["foo= 1"], "foo= 1"), (["1foo=1"], ""), (["1t@v=1"], "1t@v=1"), (["t@1v=1"], ""),
            (["a-_*/0=~!"], "a-_*/0=~!"),
        ] as [([String], String)])
    func state(fields: [String], joined: String) throws {
        let context = try #require(TraceContext(traceparent: [Self.good], tracestate: fields))
        #expect(context.state == joined)
        #expect(context.traceparent == Self.good, "the trace goes on")
    }

    @Test(
        "keys, values and lists have their bounds (§3.3.1.1, §3.3.1.3)",
        arguments: [
            (256, 1, 1, true), (257, 1, 1, false), (1, 256, 1, true), (1, 257, 1, false), (2, 1, 32, true),
            (2, 1, 33, false),
        ])
    func bounds(key: Int, value: Int, members: Int, isGood: Bool) throws {
        let list = (0..<members).map { member in
            let name = String(Unicode.Scalar(UInt8(97 + member / 10))) + (key > 1 ? "\(member % 10)" : "")
            return name + String(repeating: "k", count: max(0, key - 2)) + "="
                + String(repeating: "v", count: value)
        }
        let context = try #require(
            TraceContext(traceparent: [Self.good], tracestate: [list.joined(separator: ",")]))
        #expect(context.state.isEmpty != isGood)
    }

    @Test(
        "tenants have 241 characters and systems 14 (§3.3.1.3.1)",
        arguments: [(241, 14, true), (242, 14, false), (241, 15, false)])
    func tenants(tenant: Int, system: Int, isGood: Bool) throws {
        let key = String(repeating: "t", count: tenant) + "@" + String(repeating: "v", count: system)
        let context = try #require(TraceContext(traceparent: [Self.good], tracestate: [key + "=1"]))
        #expect(context.state.isEmpty != isGood)
    }

    @Test("a continued trace keeps its id, flags and state and has a new parent; a begun one is well-formed")
    func made() throws {
        var generator = SystemRandomNumberGenerator()
        let context = try #require(TraceContext(traceparent: [Self.good], tracestate: ["a=1"]))
        let next = context.continued(using: &generator)
        #expect(next.traceID == context.traceID)
        #expect(next.parent != context.parent)
        #expect(next.isSampled && next.state == "a=1")
        for isSampled in [true, false] {
            let begun = TraceContext.begun(isSampled: isSampled, using: &generator)
            #expect(TraceContext(traceparent: [begun.traceparent]) == begun)
        }
    }
}
