import Foundation
import HTTPWire
import TestSupport
import Testing

/// `SAMEGATE_FUZZ_CASES` sets how many cases run and `SAMEGATE_FUZZ_SEED` repeats a run.
@Suite("Fuzz")
struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let cases = environment["SAMEGATE_FUZZ_CASES"].flatMap { Int($0) } ?? 1500
    private static let seed = environment["SAMEGATE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_251_107

    private static let requestSeeds = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /v1/models/m:predict?x=%20 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST http://a/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\n",
        "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]\r\nConnection: close, x\r\n\r\n",
    ]
    private static let responseSeeds = [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 204 N\r\n\r\n",
        "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nbody until close",
    ]
    private static let tokens = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "0", "5", "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n", "\u{FF}", "%", "chunked", "\r\n\r\n", "0\r\n\r\n", "FFFFFFFFFFFFFFFF", "-",
        "+", "\"",
    ]

    private func mutate(_ text: String, _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                bytes.insert(contentsOf: latin1(Self.tokens.randomElement(using: &random) ?? ""), at: place)
            case 1 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3 where place < bytes.count:
                let end = Int.random(in: place..<min(bytes.count, place + 20), using: &random)
                bytes.insert(contentsOf: bytes[place...end], at: place)
            default: bytes.removeSubrange(min(place + 1, bytes.count)..<min(place + 4, bytes.count))
            }
        }
        return bytes
    }

    private static let limits = WireLimits(
        startLineBytesMax: 80, headBytesMax: 160, headerCountMax: 5, chunkLineBytesMax: 24,
        chunkExtensionBytesMax: 20,
        trailerBytesMax: 40, trailerCountMax: 2, bodyBytesMax: 40)

    /// Feeds in one piece, byte by byte, and cut once at every place.
    private func agree<P>(_ bytes: [UInt8], _ make: () -> Feeder<P>) -> Bool {
        var whole = make()
        whole.feed(bytes)
        var single = make()
        for byte in bytes { single.feed([byte]) }
        guard single.seen == whole.seen else { return false }
        for cut in 0...bytes.count {
            var pair = make()
            pair.feed(bytes[..<cut])
            pair.feed(bytes[cut...])
            if pair.seen != whole.seen { return false }
        }
        return true
    }

    @Test(
        "mutated requests cut at every byte give the same events and never crash (RFC 9112 §2.2)",
        .timeLimit(.minutes(60)))
    func requestsAgree() {
        print("fuzz seed \(Self.seed), \(Self.cases) cases")
        var random = SeededGenerator(seed: Self.seed)
        for index in 0..<Self.cases {
            let bytes = mutate(Self.requestSeeds[index % Self.requestSeeds.count], &random)
            let limits = index.isMultiple(of: 3) ? Self.limits : WireLimits()
            let same = agree(bytes) { Feeder<RequestParser>(limits: limits) }
            #expect(same, "case \(index): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test(
        "mutated responses cut at every byte give the same events and never crash (RFC 9112 §2.2)",
        .timeLimit(.minutes(60)))
    func responsesAgree() {
        var random = SeededGenerator(seed: Self.seed &+ 1)
        for index in 0..<Self.cases {
            let bytes = mutate(Self.responseSeeds[index % Self.responseSeeds.count], &random)
            let limits = index.isMultiple(of: 3) ? Self.limits : WireLimits()
            let method: Method = index.isMultiple(of: 5) ? .head : .get
            let same = agree(bytes) { Feeder<ResponseParser>(method: method, limits: limits) }
            #expect(same, "case \(index): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("what a mutated request is read as, written again, is read as the same (RFC 9110 §7.6)")
    func forwardedReadsTheSame() {
        var random = SeededGenerator(seed: Self.seed &+ 2)
        for index in 0..<Self.cases {
            let bytes = mutate(Self.requestSeeds[index % Self.requestSeeds.count], &random)
            guard case .request(let head) = requests(bytes: bytes).first, head.method != .connect else {
                continue
            }
            var output: [UInt8] = []
            WireWriter.append(head, framing: head.framing, to: &output)
            guard case .request(let again) = requests(bytes: output).first else {
                // A method or field the next hop refuses cannot be written; an HTTP/1.0 request may lack Host.
                #expect(head.version == .http10, "case \(index)")
                continue
            }
            #expect(again.method == head.method && again.framing == head.framing)
            #expect(withoutFraming(again) == withoutFraming(head), "case \(index)")
        }
    }

    private func withoutFraming(_ head: RequestHead) -> HeaderList {
        var fields = head.fields
        fields.remove("content-length")
        fields.remove("transfer-encoding")
        return fields
    }

    @Test("random bytes never crash either parser")
    func noise() {
        var random = SeededGenerator(seed: Self.seed &+ 3)
        for _ in 0..<Self.cases {
            let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var feeder = Feeder<ResponseParser>()
            feeder.feed(bytes)
            _ = requests(bytes: bytes)
        }
    }
}
