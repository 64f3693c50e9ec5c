import Glibc
import HTTPWire

/// Fuzzes the parsers and the chunk decoder from a printed seed.
///
///     swift run -c release wirefuzz [CASES] [SEED] [requests|answers|chunks|proxy|all]
///
/// Each case is checked in one of four ways, all in turn unless one is named: a request or answer stream cut at random gives what it gives in one
/// piece; a request written again is read as the same; a chunked body is what a plain decoder says it is; a PROXY
/// header read byte by byte is what it is in one piece. Ends with 1
/// at the first case that is not, and when the resident memory has grown since the first tenth of the run.
@main
struct WireFuzz {
    private static let prefix = Array("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
    private static let small = WireLimits(
        startLineBytesMax: 80, headBytesMax: 160, headerCountMax: 5, chunkLineBytesMax: 24,
        chunkExtensionBytesMax: 20, trailerBytesMax: 40, trailerCountMax: 2, bodyBytesMax: 40)

    /// What is fuzzed.
    enum Target: String, CaseIterable { case all, requests, answers, chunks, proxy }

    private let target: Target
    private var mutator: Mutator
    private var accepted = 0

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let cases = arguments.first.flatMap { Int($0) } ?? 1_000_000
        let seed = arguments.dropFirst().first.flatMap { UInt64($0) } ?? UInt64.random(in: .min ... .max)
        guard let target = Target(rawValue: arguments.dropFirst(2).first ?? "all") else {
            print("the targets are: \(Target.allCases.map(\.rawValue).joined(separator: ", "))")
            exit(2)
        }
        print("seed \(seed), \(cases) cases of \(target.rawValue)")
        let clock = ContinuousClock()
        let begun = clock.now
        var fuzz = WireFuzz(target: target, mutator: Mutator(random: Randomness(seed: seed)))
        let passed = fuzz.run(cases)
        let shares = "\(fuzz.accepted) held a whole message"
        print("\(cases) cases, \(shares), \(begun.duration(to: clock.now)), \(residentKiB()) KiB resident")
        exit(passed ? 0 : 1)
    }

    private mutating func run(_ cases: Int) -> Bool {
        var early = 0
        for index in 0..<cases {
            if index == cases / 10 { early = Self.residentKiB() }
            if let fault = check(index) {
                print("case \(index): \(fault)")
                return false
            }
        }
        let grown = Self.residentKiB() - early
        if grown > 4096 { print("memory grew by \(grown) KiB") }
        return grown <= 4096
    }

    private mutating func check(_ index: Int) -> String? {
        switch (target, index % 5) {
        case (.answers, _), (.all, 0): checkResponse(index)
        case (.requests, _), (.all, 1...2): checkRequest(index)
        case (.proxy, _), (.all, 3): checkProxyHeader()
        case (.chunks, _), (.all, _): checkChunks()
        }
    }

    private mutating func cuts(_ count: Int) -> [Int] {
        // One case in sixteen arrives byte by byte, the others in up to four pieces.
        if mutator.random.below(16) == 0 { return Array(0..<count) }
        return (0..<mutator.random.below(4)).map { _ in mutator.random.below(count + 1) }.sorted()
    }

    private mutating func checkResponse(_ index: Int) -> String? {
        let bytes = mutator.response()
        var parser = ResponseParser(limits: index.isMultiple(of: 3) ? Self.small : WireLimits())
        parser.begin(method: index.isMultiple(of: 5) ? .head : .get)
        return compare(bytes, parser)
    }

    private mutating func checkRequest(_ index: Int) -> String? {
        let bytes = mutator.request()
        let parser = RequestParser(limits: index.isMultiple(of: 3) ? Self.small : WireLimits())
        return compare(bytes, parser) ?? (index.isMultiple(of: 2) ? rewritten(bytes) : nil)
    }

    private mutating func compare(_ bytes: [UInt8], _ parser: some StreamParser) -> String? {
        let whole = Observation(of: bytes, by: parser, cutAt: [])
        let cuts = cuts(bytes.count)
        if whole.messages > 0 { accepted += 1 }
        if Observation(of: bytes, by: parser, cutAt: cuts) == whole { return nil }
        return "cut at \(cuts) it reads otherwise: \(Self.shown(bytes))"
    }

    /// What is read, written again for the next hop, is read as the same.
    private func rewritten(_ bytes: [UInt8]) -> String? {
        var parser = RequestParser()
        guard parser.next(bytes.span).event == .head, parser.head.method != .connect else { return nil }
        let head = parser.head
        var output: [UInt8] = []
        WireWriter.append(head, framing: head.framing, to: &output)
        var second = RequestParser()
        guard second.next(output.span).event == .head else {
            // An HTTP/1.0 request may lack the Host that HTTP/1.1 wants.
            return head.version == .http10 ? nil : "written again it is refused: \(Self.shown(bytes))"
        }
        let same = second.head.method == head.method && second.head.framing == head.framing
        return same ? nil : "written again it reads otherwise: \(Self.shown(bytes))"
    }

    private mutating func checkProxyHeader() -> String? {
        let bytes = mutator.proxyHeader()
        if case .header = ProxyHeaders.read(bytes) { accepted += 1 }
        return ProxyHeaders.fault(bytes).map { "\($0): \(Self.shown(bytes))" }
    }

    private mutating func checkChunks() -> String? {
        let chunks = mutator.chunks()
        let plain = PlainChunks.decode(chunks)
        let cuts = cuts(Self.prefix.count + chunks.count)
        let seen = Observation(of: Self.prefix + chunks, by: RequestParser(), cutAt: cuts)
        guard let plain else {
            return seen.messages == 0 ? nil : "accepted against the plain decoder: \(Self.shown(chunks))"
        }
        accepted += 1
        // Bytes behind the body are the next request's, which may add to neither.
        let bodyCount = plain.body.count
        guard seen.messages > 0, seen.body.prefix(bodyCount).elementsEqual(plain.body) else {
            return "refused against the plain decoder: \(Self.shown(chunks))"
        }
        let isFirst = seen.messages == 1
        return !isFirst || seen.messagesEnd == Self.prefix.count + plain.consumed
            ? nil : "ended elsewhere than by the plain decoder: \(Self.shown(chunks))"
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) })).debugDescription
    }

    /// The resident memory of this process.
    private static func residentKiB() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard fgets(&text, 128, file) != nil else { return 0 }
        let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * 4
    }
}
