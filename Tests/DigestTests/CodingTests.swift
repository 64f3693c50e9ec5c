import Foundation
import TestSupport
import Testing

@testable import Digest

@Suite("Digest: text codings")
struct CodingTests {
    @Test(
        "base64url of the published strings (RFC 4648 §10, without padding)",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func published(text: String, coded: String) {
        #expect(Base64URL.encode(Array(text.utf8)) == coded)
        #expect(Base64URL.decode(coded) == Array(text.utf8))
    }

    @Test("base64url agrees with Foundation's base64 on random bytes", arguments: [1, 2, 3])
    func foundation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let expected = Data(bytes).base64EncodedString()
                .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            #expect(Base64URL.encode(bytes) == expected)
            #expect(Base64URL.decode(expected) == bytes)
        }
    }

    @Test(
        "base64url refuses a second spelling (RFC 4648 §3.5) and foreign characters",
        arguments: [
            "Zg==", "Zh", "Zm9", "Z", "Zm9vY", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9v=", "Zé", "ZgZ",
        ])
    func strict(text: String) { #expect(Base64URL.decode(text) == nil) }

    @Test("hexadecimal goes both ways and refuses anything else")
    func hex() {
        let bytes = [UInt8](0...255)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode("0aFf") == [10, 255])
        for bad in ["0", "0g", "0x", "+1", " 1", "١٢"] { #expect(Hex.decode(bad) == nil) }
    }
}
