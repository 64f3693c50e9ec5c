import Digest

/// Why one entry of a key set is not used.
enum JSONWebKeyProblem: Error, Hashable {
    /// A key for something else; the rest of the set stays good.
    case ignored(String)
    /// A key that is meant for this and cannot be used.
    case malformed(String)
}

/// Reads one entry of a key set (RFC 7517 §4, RFC 7518 §6).
struct JSONWebKeyReader {
    /// Members that hold private parts of a key (RFC 7518 §6.2.2, §6.3.2).
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth"]

    private let members: [String: StrictJSON]

    init(_ entry: StrictJSON) throws(JSONWebKeyProblem) {
        guard let members = entry.members else { throw .malformed("not an object") }
        self.members = members
    }

    func key() throws(JSONWebKeyProblem) -> JSONWebKeySet.Key {
        guard let type = try text("kty") else { throw .malformed("no \"kty\"") }
        try demandVerification()
        switch type {
        case "oct": return try make(.hs256) { () throws(JSONWebKeyProblem) in .secret(try secret()) }
        case "RSA": return try make(.rs256) { () throws(JSONWebKeyProblem) in .signature(try rsa()) }
        case "EC": return try make(.es256) { () throws(JSONWebKeyProblem) in .signature(try elliptic()) }
        default: throw .ignored("key type \"\(type)\" is not used here")
        }
    }

    private func make(
        _ algorithm: SignatureAlgorithm,
        _ material: () throws(JSONWebKeyProblem) -> JSONWebKeySet.Material
    ) throws(JSONWebKeyProblem) -> JSONWebKeySet.Key {
        if let named = try text("alg"), named != algorithm.rawValue {
            if SignatureAlgorithm(rawValue: named) != nil {
                throw .malformed("\"alg\" is \(named), which a key of this type cannot have")
            }
            throw .ignored("algorithm \"\(named)\" is not used here")
        }
        let id = try text("kid")
        return JSONWebKeySet.Key(id: id, algorithm: algorithm, material: try material())
    }

    /// Leaves out keys that are not for signatures (RFC 7517 §4.2, §4.3).
    private func demandVerification() throws(JSONWebKeyProblem) {
        if let use = try text("use"), use != "sig" { throw .ignored("its \"use\" is \"\(use)\"") }
        guard let operations = members["key_ops"] else { return }
        guard let list = operations.elements else { throw .malformed("\"key_ops\" is not an array") }
        guard list.contains(.string("verify")) else {
            throw .ignored("its \"key_ops\" do not include verify")
        }
    }

    /// At least as long as the hash (RFC 7518 §3.2).
    private func secret() throws(JSONWebKeyProblem) -> HMACKey {
        let bytes = try bytes("k")
        guard bytes.count >= 32 else { throw .malformed("\"k\" has \(bytes.count) bytes; HS256 needs 32") }
        return HMACKey(bytes)
    }

    private func rsa() throws(JSONWebKeyProblem) -> PublicKey {
        try demandPublic()
        let modulus = try number("n")
        let exponent = try number("e")
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard bits >= PublicKey.modulusBitsMin, bits <= PublicKey.modulusBitsMax else {
            throw .malformed(
                "its modulus has \(bits) bits; \(PublicKey.modulusBitsMin) to \(PublicKey.modulusBitsMax) are allowed"
            )
        }
        guard let key = PublicKey(modulus: modulus, exponent: exponent) else {
            throw .malformed("\"n\" and \"e\" are no RSA public key")
        }
        return key
    }

    private func elliptic() throws(JSONWebKeyProblem) -> PublicKey {
        try demandPublic()
        guard let curve = try text("crv") else { throw .malformed("no \"crv\"") }
        guard curve == "P-256" else { throw .ignored("curve \"\(curve)\" is not used here") }
        let x = try bytes("x")
        let y = try bytes("y")
        guard let key = PublicKey(x: x, y: y) else {
            throw .malformed("\"x\" and \"y\" are no point of P-256")
        }
        return key
    }

    /// A private key in a file that only needs public ones is a leak waiting to happen.
    private func demandPublic() throws(JSONWebKeyProblem) {
        if let name = Self.privateMembers.first(where: { members[$0] != nil }) {
            throw .malformed("it holds the private member \"\(name)\"; keep only the public key here")
        }
    }

    // MARK: Members

    private func text(_ name: String) throws(JSONWebKeyProblem) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.text else { throw .malformed("\"\(name)\" is not a string") }
        return text
    }

    private func bytes(_ name: String) throws(JSONWebKeyProblem) -> [UInt8] {
        guard let text = try text(name), !text.isEmpty else { throw .malformed("no \"\(name)\"") }
        guard let bytes = Base64URL.decode(text) else {
            throw .malformed("\"\(name)\" is not base64url without padding")
        }
        return bytes
    }

    /// A number without leading zeros (RFC 7518 §2, Base64urlUInt).
    private func number(_ name: String) throws(JSONWebKeyProblem) -> [UInt8] {
        let bytes = try bytes(name)
        guard bytes.first != 0 else { throw .malformed("\"\(name)\" begins with a zero byte") }
        return bytes
    }
}
