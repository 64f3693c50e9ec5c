import Digest

/// One line of a key file being read.
struct APIKeyLine {
    /// The longest line. **Units**: bytes.
    static let bytesMax = 4096

    struct Malformed: Error, Hashable {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private let text: String

    init(_ bytes: ArraySlice<UInt8>) throws(Malformed) {
        guard bytes.count <= Self.bytesMax else { throw Malformed("longer than \(Self.bytesMax) bytes") }
        var bytes = bytes
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed("not UTF-8") }
        self.text = text
    }

    /// The record, or nil for an empty line or a comment.
    func record() throws(Malformed) -> APIKeyRecord? {
        let halves = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let fields = (halves.first ?? "").split { $0 == " " || $0 == "\t" }
        guard let id = fields.first else { return nil }
        guard APIKey.isID(String(id)) else { throw Malformed("the id is not letters, digits, _ or -") }
        guard fields.count >= 2 else { throw Malformed("no hash behind the id") }
        let (salt, hash) = try hash(fields[1])
        var expires: Duration?
        var routes: Set<String>?
        for field in fields.dropFirst(2) {
            if field.hasPrefix("expires="), expires == nil {
                expires = try expiry(field.dropFirst(8))
            } else if field.hasPrefix("routes="), routes == nil {
                routes = try names(field.dropFirst(7))
            } else {
                throw Malformed("only one expires= and one routes= may follow the hash")
            }
        }
        let comment = halves.count > 1 ? String(halves[1].drop { $0 == " " }) : ""
        return APIKeyRecord(
            id: String(id), salt: salt, hash: hash, expires: expires, routes: routes, comment: comment)
    }

    private func hash(_ field: Substring) throws(Malformed) -> ([UInt8], SHA256Digest) {
        let parts = field.split(separator: ":", omittingEmptySubsequences: false)
        // A key pasted in place of its record must not be repeated in a message.
        guard parts.count == 3, parts[0] == "sha256" else {
            throw Malformed("the hash is not sha256:SALT:HASH")
        }
        guard let salt = Hex.decode(String(parts[1])), salt.count == APIKeyRecord.saltBytes else {
            throw Malformed("the salt is not \(APIKeyRecord.saltBytes * 2) hexadecimal digits")
        }
        guard let hash = Hex.decode(String(parts[2])).flatMap({ SHA256Digest(bytes: $0) }) else {
            throw Malformed("the hash is not 64 hexadecimal digits")
        }
        return (salt, hash)
    }

    private func expiry(_ text: Substring) throws(Malformed) -> Duration {
        guard let time = CalendarTime.parse(String(text)) else {
            throw Malformed("expires= is neither 2027-01-31 nor 2027-01-31T12:00:00Z")
        }
        return time
    }

    private func names(_ text: Substring) throws(Malformed) -> Set<String> {
        let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard names.allSatisfy(APIKeyRecord.isRoute) else { throw Malformed("routes= is not NAME,NAME,…") }
        return Set(names)
    }
}
