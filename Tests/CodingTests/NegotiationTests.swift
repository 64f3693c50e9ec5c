import Testing

@testable import Coding

@Suite("Content negotiation")
struct NegotiationTests {
    @Test(
        "answers are coded as the weights say (RFC 9110 §12.5.3)",
        arguments: [
            (["gzip"], AcceptEncoding.Choice.coding(.gzip)), (["x-gzip"], .coding(.gzip)),
            (["GZIP"], .coding(.gzip)), (["deflate"], .coding(.deflate)), (["deflate, gzip"], .coding(.gzip)),
            (["deflate;q=0.9, gzip;q=0.8"], .coding(.deflate)), (["gzip;q=0.001"], .coding(.gzip)),
            (["gzip;q=0"], .identity), (["gzip;q=0.000"], .identity), (["br"], .identity), ([""], .identity),
            (["*"], .coding(.gzip)), (["gzip;q=0, *"], .coding(.deflate)), (["*;q=0"], .nothing),
            (["identity;q=0"], .nothing), (["br, identity;q=0"], .nothing),
            (["gzip, identity;q=0"], .coding(.gzip)), (["gzip, *;q=0"], .coding(.gzip)),
            (["identity;q=0, *"], .coding(.gzip)), (["identity, *;q=0"], .identity),
            (["gzip;q=0.5, identity"], .identity), (["gzip;q=0.5, identity;q=0.5"], .coding(.gzip)),
            (["br", "gzip ; q=0.3"], .coding(.gzip)), (["gzip;q=1.5"], .identity), (["gzip;q=x"], .identity),
            (["gzip;q=0.0001"], .identity), (["identity;q=oops"], .identity), ([",, gzip ,"], .coding(.gzip)),
            ([], .identity),
        ])
    func wanted(lines: [String], choice: AcceptEncoding.Choice) {
        #expect(AcceptEncoding(lines).choice(isWanted: true) == choice)
    }

    @Test(
        "an answer that nobody wants coded is coded only where the client refuses it as it is",
        arguments: [
            (["gzip"], AcceptEncoding.Choice.identity), (["gzip, identity;q=0"], .coding(.gzip)),
            (["deflate, *;q=0"], .coding(.deflate)), (["*;q=0"], .nothing), ([], .identity),
        ])
    func unwanted(lines: [String], choice: AcceptEncoding.Choice) {
        #expect(AcceptEncoding(lines).choice(isWanted: false) == choice)
    }

    @Test("Content-Encoding lists are read in order, whatever their case and lines (RFC 9110 §8.4)")
    func applied() throws {
        #expect(try ContentCoding.applied(["identity"], codingsMax: 2) == [])
        #expect(try ContentCoding.applied([" , "], codingsMax: 2) == [])
        #expect(try ContentCoding.applied(["Deflate ,\tX-GZIP"], codingsMax: 2) == [.deflate, .gzip])
        #expect(
            try ContentCoding.applied(["gzip", "deflate, identity"], codingsMax: 2) == [.gzip, .deflate])
        #expect(throws: CodingError.tooManyCodings(2)) {
            try ContentCoding.applied(["gzip, gzip, gzip"], codingsMax: 2)
        }
        for name in ["br", "zstd", "compress", "gzip;q=1", "g zip", "\u{1F}"] {
            #expect(throws: CodingError.unknownCoding(name)) {
                try ContentCoding.applied(["gzip, \(name)"], codingsMax: 2)
            }
        }
    }
}
