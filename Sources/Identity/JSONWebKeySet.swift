import Digest

/// The keys that tokens are verified with, read from a JWK set (RFC 7517).
package struct JSONWebKeySet: Sendable {
    /// The largest file. **Units**: bytes.
    package static let bytesMax = 1 << 20
    /// The most keys of a set.
    package static let keysMax = 256

    /// What a key verifies with. Its algorithm is the key's own, never the token's choice: a token that names HS256
    /// under an RSA key would else be "verified" with the public modulus as a shared secret.
    enum Material: Sendable {
        case secret(HMACKey)
        case signature(PublicKey)
    }

    struct Key: Sendable {
        let id: String?
        let algorithm: SignatureAlgorithm
        let material: Material

        func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
            switch material {
            case .secret(let key): SecretBytes.equal(key.authenticate(message).bytes, signature)
            case .signature(let key): key.verifies(signature, of: message)
            }
        }
    }

    let keys: [Key]
    private let byID: [String: Int]
    /// Keys that were left out with the reason, for the operator: encryption keys and algorithms not spoken here, which
    /// RFC 7517 §5 says to ignore.
    package let ignored: [String]

    /// The number of keys in use.
    package var count: Int { keys.count }

    /// The set that `bytes` spell.
    ///
    /// Throws: `JSONWebKeySetError` with every problem at once.
    package init(parsing bytes: [UInt8]) throws(JSONWebKeySetError) {
        guard bytes.count <= Self.bytesMax else {
            throw JSONWebKeySetError(["the file is larger than \(Self.bytesMax) bytes"])
        }
        let document: StrictJSON
        do throws(StrictJSON.Malformed) {
            document = try StrictJSON(bytes)
        } catch {
            throw JSONWebKeySetError(["not JSON: \(error)"])
        }
        guard let entries = document.members?["keys"]?.elements else {
            throw JSONWebKeySetError(["no array \"keys\" in the outermost object"])
        }
        guard entries.count <= Self.keysMax else {
            throw JSONWebKeySetError(["\(entries.count) keys, more than \(Self.keysMax)"])
        }
        var problems: [String] = []
        var ignored: [String] = []
        var keys: [Key] = []
        var byID: [String: Int] = [:]
        for (number, entry) in entries.enumerated() {
            let place = "key \(number + 1)" + (entry.members?["kid"]?.text.map { " (\"\($0)\")" } ?? "")
            do throws(JSONWebKeyProblem) {
                let key = try JSONWebKeyReader(entry).key()
                // Two keys of one name would make the choice between them depend on the file's order.
                if let id = key.id, byID.updateValue(keys.count, forKey: id) != nil {
                    problems.append("\(place): another key has this \"kid\"")
                }
                keys.append(key)
            } catch {
                switch error {
                case .ignored(let reason): ignored.append("\(place): \(reason)")
                case .malformed(let reason): problems.append("\(place): \(reason)")
                }
            }
        }
        if problems.isEmpty, keys.isEmpty { problems.append("no usable key") }
        guard problems.isEmpty else { throw JSONWebKeySetError(problems) }
        self.keys = keys
        self.byID = byID
        self.ignored = ignored
    }

    /// The key of this name.
    func key(id: String) -> Key? { byID[id].map { keys[$0] } }

    /// The only key for `algorithm`; nil when there is none or a choice.
    func onlyKey(for algorithm: SignatureAlgorithm) -> Key? {
        let fitting = keys.filter { $0.algorithm == algorithm }
        return fitting.count == 1 ? fitting[0] : nil
    }
}

/// Everything that is wrong with a key set.
package struct JSONWebKeySetError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence each.
    package let problems: [String]

    init(_ problems: [String]) { self.problems = problems }

    /// All problems, one a line.
    package var description: String { problems.joined(separator: "\n") }
}
