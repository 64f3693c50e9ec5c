import Digest

/// The keys of a key file, ready to be asked. Usable from any thread.
///
/// The file has one record a line (see `APIKeyRecord`); empty lines and lines that begin with `#` are skipped.
package struct APIKeyRing: Sendable {
    /// The largest file. **Units**: bytes.
    package static let bytesMax = 16 << 20
    /// The most records.
    package static let recordsMax = 100_000

    private let records: [String: APIKeyRecord]
    /// Hashed in place of a record that is not there, so that an unknown id takes as long as a wrong secret.
    private let decoy: APIKeyRecord

    /// The number of keys, expired ones included.
    package var count: Int { records.count }
    /// Every route that a record names, for checking them against the configuration.
    package var routes: Set<String> { records.values.reduce(into: []) { $0.formUnion($1.routes ?? []) } }

    /// The keys that `file` lists.
    ///
    /// Throws: `APIKeyFileError` with every malformed line at once.
    package init(parsing file: [UInt8]) throws(APIKeyFileError) {
        guard file.count <= Self.bytesMax else {
            throw APIKeyFileError([.init(line: 0, reason: "the file is larger than \(Self.bytesMax) bytes")])
        }
        var records: [String: APIKeyRecord] = [:]
        var problems: [APIKeyFileError.Problem] = []
        let lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, bytes) in lines.enumerated() {
            do throws(APIKeyLine.Malformed) {
                guard let record = try APIKeyLine(bytes).record() else { continue }
                guard records.updateValue(record, forKey: record.id) == nil else {
                    throw APIKeyLine.Malformed("another line has the id \"\(record.id)\"")
                }
            } catch {
                problems.append(.init(line: index + 1, reason: error.reason))
            }
        }
        if records.count > Self.recordsMax {
            problems.append(.init(line: 0, reason: "\(records.count) keys, more than \(Self.recordsMax)"))
        }
        guard problems.isEmpty else { throw APIKeyFileError(problems) }
        self.records = records
        decoy = APIKeyRecord(
            id: "decoy", salt: [UInt8](repeating: 0, count: APIKeyRecord.saltBytes),
            hash: SHA256.digest(of: ""),
            expires: nil, routes: nil, comment: "")
    }

    /// Whose key `presented` is at `now`, the time since the start of the Unix era, on `route`.
    ///
    /// What the file says of a key (its end, its routes) is told only to those who hold it.
    package func identify(
        _ presented: String, route: String, now: Duration
    ) throws(APIKeyError) -> ClientIdentity {
        guard let key = APIKey(presented: presented) else { throw .malformed }
        guard let record = records[key.id] else {
            _ = decoy.matches(key.text)
            throw .unknown(id: key.id)
        }
        guard record.matches(key.text) else { throw .wrongSecret(id: key.id) }
        if let expires = record.expires, now >= expires { throw .expired(id: key.id) }
        if let routes = record.routes, !routes.contains(route) { throw .wrongRoute(id: key.id, route: route) }
        return ClientIdentity(kind: .apiKey, name: key.id)
    }
}

/// Why an API key is not accepted.
package enum APIKeyError: Error, Hashable, Sendable {
    /// Not `sg1.ID.SECRET`.
    case malformed
    /// No record has this id.
    case unknown(id: String)
    /// The secret is not the record's.
    case wrongSecret(id: String)
    /// The key's time is over.
    case expired(id: String)
    /// The key does not open this route.
    case wrongRoute(id: String, route: String)

    /// What the client may know: which ids exist is not told.
    package var publicReason: String {
        switch self {
        case .malformed, .unknown, .wrongSecret: "the API key is not accepted"
        case .expired: "the API key has expired"
        case .wrongRoute: "the API key does not open this route"
        }
    }
}

extension APIKeyError: CustomStringConvertible {
    /// The reason in full, for the log. It never holds a secret.
    package var description: String {
        switch self {
        case .malformed: "the API key is not \(APIKey.prefix)ID.SECRET"
        case .unknown(let id): "no API key has the id \"\(id)\""
        case .wrongSecret(let id): "the secret is not that of API key \"\(id)\""
        case .expired(let id): "API key \"\(id)\" has expired"
        case .wrongRoute(let id, let route): "API key \"\(id)\" does not open route \"\(route)\""
        }
    }
}

/// Everything that is wrong with a key file.
package struct APIKeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One malformed line; line 0 is the whole file.
    package struct Problem: Hashable, Sendable {
        /// The line's number from 1.
        package let line: Int
        /// What is wrong with it; never the hash or a key.
        package let reason: String
    }

    /// The problems in the order of the lines.
    package let problems: [Problem]

    init(_ problems: [Problem]) { self.problems = problems }

    /// All problems, one a line.
    package var description: String {
        problems.map { $0.line == 0 ? $0.reason : "line \($0.line): \($0.reason)" }.joined(separator: "\n")
    }
}
