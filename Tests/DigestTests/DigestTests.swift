import Testing

@testable import Digest

@Suite("Digest: hashes and codes")
struct DigestTests {
    static let twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

    @Test(
        "SHA-256 gives the published answers (FIPS 180-4 examples)",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (twoBlocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        ])
    func published(message: String, hex: String) {
        #expect(SHA256.digest(of: message).hex == hex)
        #expect(SHA256.digest(of: Array(message.utf8)).hex == hex)
    }

    @Test(
        "SHA-256 of a million letters a, in pieces of any size (FIPS 180-4 example)",
        arguments: [1, 63, 64, 65, 4096])
    func millionLetters(piece: Int) {
        var hasher = SHA256Hasher()
        var left = 1_000_000
        while left > 0 {
            hasher.update([UInt8](repeating: UInt8(ascii: "a"), count: min(piece, left)))
            left -= piece
        }
        #expect(hasher.finish().hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("a hasher is empty again after each result")
    func reuse() {
        var hasher = SHA256Hasher()
        for count in [0, 1, 40, 55, 56, 64, 200] {
            let message = [UInt8](repeating: UInt8(count), count: count)
            let digest = message.withUnsafeBytes { hasher.digest(of: $0) }
            #expect(digest == SHA256.digest(of: message))
        }
    }

    /// The cases of RFC 4231 §4 but the fifth, which is about truncation.
    static let codes: [(key: [UInt8], data: [UInt8], hex: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](1...25), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ]

    @Test("HMAC-SHA-256 gives the published answers (RFC 4231 §4)", arguments: codes.indices)
    func publishedCodes(index: Int) {
        let (key, data, hex) = Self.codes[index]
        let hmac = HMACKey(key)
        #expect(hmac.authenticate(data).hex == hex)
        #expect(hmac.authenticate(Array(data.prefix(3)), [], Array(data.dropFirst(3))).hex == hex)
        #expect(hmac.authenticate(data).hex == hex, "a key serves many messages")
        #expect(hmac.verifies(hmac.authenticate(data), of: data))
        #expect(!hmac.verifies(hmac.authenticate(data), of: data + [0]))
    }

    @Test("HMAC with an empty key and an empty message is defined")
    func emptyKey() {
        let hex = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        #expect(HMACKey([]).authenticate([]).hex == hex)
    }

    @Test("keys derived for different purposes give different codes")
    func derivation() {
        let key = HMACKey([1, 2, 3])
        let message: [UInt8] = [9]
        #expect(key.derived(for: "a").authenticate(message) != key.derived(for: "b").authenticate(message))
        #expect(key.derived(for: "a").authenticate(message) == key.derived(for: "a").authenticate(message))
        #expect(key.derived(for: "a").authenticate(message) != key.authenticate(message))
    }

    @Test("comparison tells equal bytes from different ones and different lengths")
    func comparison() {
        #expect(SecretBytes.equal([], []))
        #expect(SecretBytes.equal([1, 2], [1, 2]))
        #expect(!SecretBytes.equal([1, 2], [1, 3]))
        #expect(!SecretBytes.equal([1, 2], [1, 2, 0]))
    }

    @Test("random bytes come in the number asked for and do not repeat")
    func random() throws {
        #expect(try SecretBytes.random(count: 0).isEmpty)
        let draws = try (0..<64).map { _ in try SecretBytes.random(count: 16) }
        #expect(draws.allSatisfy { $0.count == 16 })
        #expect(Set(draws).count == draws.count)
    }

    @Test("libcrypto passes its start-up check")
    func startUp() throws { try Libcrypto.verify() }

    @Test("a digest is read back from its bytes and ordered as a big-endian number")
    func bytes() throws {
        let digest = SHA256.digest(of: "abc")
        #expect(SHA256Digest(bytes: digest.bytes) == digest)
        #expect(SHA256Digest(bytes: digest.bytes.dropLast()) == nil)
        #expect(digest.leading128 == 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223)
        #expect(Set([digest, SHA256.digest(of: "abd"), digest]).count == 2)
    }
}
