import COpenSSL

/// An RSA or P-256 public key that verifies signatures over SHA-256, usable from any thread.
///
/// `@unchecked Sendable` because: the key is written in `init` alone, and libcrypto only reads it to verify.
final class PublicKey: @unchecked Sendable {
    /// Domain parameters and the public part: what libcrypto calls EVP_PKEY_PUBLIC_KEY, a macro Swift cannot read.
    private static let selection: Int32 = 0x04 | 0x80 | 0x02
    /// The smallest modulus that RS256 may use (RFC 7518 §3.3). **Units**: bits.
    static let modulusBitsMin = 2048
    /// A larger modulus would let a key file make every verification slow. **Units**: bits.
    static let modulusBitsMax = 8192

    private let key: OpaquePointer
    /// The length of a signature as tokens carry it.
    private let signatureBytes: Int
    private let isElliptic: Bool

    /// The RSA key with this modulus and exponent, both big-endian; nil when libcrypto or a bound refuses it.
    init?(modulus: [UInt8], exponent: [UInt8]) {
        // An even exponent cannot be inverted, and 1 would accept any forgery.
        guard let last = exponent.last, last & 1 == 1, exponent != [1], exponent.count <= 8,
            modulus.count <= Self.modulusBitsMax / 8
        else { return nil }
        // libcrypto's parameters hold numbers in the machine's order.
        var n = Self.native(modulus)
        var e = Self.native(exponent)
        let made = n.withUnsafeMutableBufferPointer { n in
            e.withUnsafeMutableBufferPointer { e in
                "n".withCString { nName in
                    "e".withCString { eName in
                        Self.make(
                            "RSA",
                            [
                                OSSL_PARAM_construct_BN(nName, n.baseAddress, n.count),
                                OSSL_PARAM_construct_BN(eName, e.baseAddress, e.count),
                            ])
                    }
                }
            }
        }
        guard let made else { return nil }
        let bits = Int(EVP_PKEY_get_bits(made))
        guard bits >= Self.modulusBitsMin, bits <= Self.modulusBitsMax else {
            EVP_PKEY_free(made)
            return nil
        }
        key = made
        signatureBytes = (bits + 7) / 8
        isElliptic = false
    }

    /// The P-256 key at this point; nil when it is not on the curve or a coordinate is not 32 bytes.
    init?(x: [UInt8], y: [UInt8]) {
        guard x.count == 32, y.count == 32 else { return nil }
        var point = [4] + x + y
        var group = Array("prime256v1".utf8CString)
        let made = point.withUnsafeMutableBufferPointer { point in
            group.withUnsafeMutableBufferPointer { group in
                "group".withCString { groupName in
                    "pub".withCString { pointName in
                        Self.make(
                            "EC",
                            [
                                OSSL_PARAM_construct_utf8_string(groupName, group.baseAddress, 0),
                                OSSL_PARAM_construct_octet_string(pointName, point.baseAddress, point.count),
                            ])
                    }
                }
            }
        }
        guard let made else { return nil }
        key = made
        signatureBytes = 64
        isElliptic = true
    }

    deinit { EVP_PKEY_free(key) }

    /// True when `signature`, in the form that RFC 7518 gives it, is this key's over `message`.
    func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard signature.count == signatureBytes else { return false }
        let signature = isElliptic ? Self.der(signature) : signature
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        guard EVP_DigestVerifyInit_ex(context, nil, "SHA256", nil, nil, key, nil) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// The DER form of a raw `r ‖ s` (RFC 7518 §3.4): a sequence of two integers, each without needless zeros
    /// and with one where its first bit would make it negative (X.690 §8.3). The whole is shorter than 128 bytes.
    static func der(_ raw: [UInt8]) -> [UInt8] {
        let half = raw.count / 2
        let body = integer(raw[..<half]) + integer(raw[half...])
        return [0x30, UInt8(truncatingIfNeeded: body.count)] + body
    }

    private static func integer(_ number: ArraySlice<UInt8>) -> [UInt8] {
        var digits = Array(number.drop { $0 == 0 })
        if digits.isEmpty || digits[0] >= 0x80 { digits.insert(0, at: 0) }
        return [0x02, UInt8(truncatingIfNeeded: digits.count)] + digits
    }

    private static func native(_ bigEndian: [UInt8]) -> [UInt8] {
        UInt16(1).littleEndian == 1 ? bigEndian.reversed() : bigEndian
    }

    /// The key that libcrypto makes of `parameters` and finds valid.
    private static func make(_ type: String, _ parameters: [OSSL_PARAM]) -> OpaquePointer? {
        defer { ERR_clear_error() }
        guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var parameters = parameters + [OSSL_PARAM_construct_end()]
        var key: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &key, selection, &parameters) == 1, let key
        else { return nil }
        guard let check = EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else {
            EVP_PKEY_free(key)
            return nil
        }
        defer { EVP_PKEY_CTX_free(check) }
        guard EVP_PKEY_public_check(check) == 1 else {
            EVP_PKEY_free(key)
            return nil
        }
        return key
    }
}
