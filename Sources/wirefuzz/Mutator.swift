/// Makes cases: well-formed messages, and what a few random edits leave of them.
struct Mutator {
    var random: Randomness

    private static let requests = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /v1/models/m:predict?x=%20 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST http://a/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\n",
        "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]\r\nConnection: close, x\r\n\r\n",
    ].map { Array($0.utf8) }

    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 204 N\r\n\r\n",
        "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: x\r\n\r\n",
        "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nbody until close",
    ].map { Array($0.utf8) }

    private static let tokens = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "0", "5", "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n", "%", "chunked", "\r\n\r\n", "0\r\n\r\n", "FFFFFFFFFFFFFFFF", "-", "+", "\"",
        "\\", "=", "Host: ",
    ].map { Array($0.utf8) }

    private static let extensions = ["", "", "", ";a", ";a=b", ";a=\"b;c\"", ";a=\"\\\"\";b"].map {
        Array($0.utf8)
    }
    private static let trailers = ["", "", "X: 1\r\n", "Long-Name: a value of some words\r\n", "Host: h\r\n"]
        .map {
            Array($0.utf8)
        }

    /// A stream of requests, edited.
    mutating func request() -> [UInt8] { edited(Self.requests[random.below(Self.requests.count)]) }

    /// A stream of answers, edited.
    mutating func response() -> [UInt8] { edited(Self.responses[random.below(Self.responses.count)]) }

    /// A chunked body, edited; nothing may follow it.
    mutating func chunks() -> [UInt8] {
        var body: [UInt8] = []
        for _ in 0..<random.below(4) {
            let size = 1 + random.below(20)
            body += Array(String(size, radix: 16, uppercase: random.below(2) == 0).utf8)
            body += Self.extensions[random.below(Self.extensions.count)]
            body += [13, 10]
            for _ in 0..<size { body.append(UInt8(truncatingIfNeeded: random.next() >> 40)) }
            body += [13, 10]
        }
        body += [0x30, 13, 10] + Self.trailers[random.below(Self.trailers.count)] + [13, 10]
        return edited(body)
    }

    mutating func edited(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<random.below(4) { edit(&bytes) }
        return bytes
    }

    private mutating func edit(_ bytes: inout [UInt8]) {
        let place = random.below(bytes.count + 1)
        let kind = place < bytes.count ? random.below(5) : 0
        switch kind {
        case 0: bytes.insert(contentsOf: Self.tokens[random.below(Self.tokens.count)], at: place)
        case 1: bytes[place] = UInt8(random.below(256))
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random.below(20))], at: place)
        default: bytes.removeSubrange(place..<min(place + 1 + random.below(4), bytes.count))
        }
    }
}
