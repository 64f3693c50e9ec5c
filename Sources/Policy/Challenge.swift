import Digest

/// A demand for work that carries its own proof of origin, so that issuing one stores nothing.
///
/// The token is the base64url text of, in this order and big-endian: version (1 byte), algorithm (1), epoch (8),
/// target (16), issued (8), expires (8), nonce (16), binding (32), then HMAC-SHA-256 of all of it (32). Times
/// are milliseconds of the Unix era.
package struct Challenge: Hashable, Sendable {
    /// Which hash the work is measured in.
    package enum Algorithm: UInt8, Sendable {
        /// SHA-256, FIPS 180-4.
        case sha256 = 1

        /// The name for the client's problem document.
        package var name: String {
            switch self {
            case .sha256: "sha-256"
            }
        }
    }

    /// The run of the issuing process; a challenge of an earlier run is refused as such.
    package let epoch: UInt64
    /// The hash.
    package let algorithm: Algorithm
    /// What the hash must stay below.
    package let target: WorkTarget
    /// When it was issued, since the start of the Unix era.
    package let issued: Duration
    /// When it stops being accepted, since the start of the Unix era.
    package let expires: Duration
    /// Tells it from every other challenge; the key of the single-use claim and of the withheld answer.
    package let nonce: ChallengeNonce
    /// What it was issued for.
    package let binding: ChallengeBinding

    static let version: UInt8 = 1
    static let signedByteCount = 1 + 1 + 8 + 16 + 8 + 8 + 16 + 32
    static let tokenByteCount = signedByteCount + SHA256Digest.byteCount

    /// The number of characters of every token.
    package static let tokenCharacterCount = (tokenByteCount * 4 + 2) / 3

    /// What `token` says, without the key and so without trust: what a client needs to solve it.
    ///
    /// Nil for text that is not the token of a challenge of this version.
    package init?(unverifiedToken token: String) {
        guard let parsed = Self.parse(token) else { return nil }
        self = parsed.challenge
    }

    init(
        epoch: UInt64, target: WorkTarget, issued: Duration, expires: Duration, nonce: ChallengeNonce,
        binding: ChallengeBinding
    ) {
        self.epoch = epoch
        self.algorithm = .sha256
        self.target = target
        self.issued = Duration(unixMilliseconds: issued.unixMilliseconds)
        self.expires = Duration(unixMilliseconds: expires.unixMilliseconds)
        self.nonce = nonce
        self.binding = binding
    }

    /// The bytes that are authenticated.
    var signedBytes: [UInt8] {
        var bytes: [UInt8] = [Self.version, algorithm.rawValue]
        bytes.reserveCapacity(Self.tokenByteCount)
        bytes.append(bigEndian: epoch)
        bytes.append(bigEndian: target.threshold)
        bytes.append(bigEndian: issued.unixMilliseconds)
        bytes.append(bigEndian: expires.unixMilliseconds)
        bytes.append(bigEndian: nonce.high)
        bytes.append(bigEndian: nonce.low)
        return bytes + binding.digest.bytes
    }

    /// A token taken apart.
    struct Parsed {
        var challenge: Challenge
        var signed: [UInt8]
        var code: SHA256Digest
    }

    /// The parts of `token`, nothing of them verified; nil when it is not of the token's form.
    static func parse(_ token: String) -> Parsed? {
        guard token.utf8.count == tokenCharacterCount, let bytes = Base64URL.decode(token) else { return nil }
        guard bytes.count == tokenByteCount, let code = SHA256Digest(bytes: bytes[signedByteCount...]) else {
            return nil
        }
        let signed = Array(bytes[..<signedByteCount])
        var rest = signed[...]
        guard rest.popFirst() == version, rest.popFirst().flatMap(Algorithm.init(rawValue:)) != nil else {
            return nil
        }
        let epoch: UInt64 = rest.takeBigEndian()
        let threshold: UInt128 = rest.takeBigEndian()
        let issued: Int64 = rest.takeBigEndian()
        let expires: Int64 = rest.takeBigEndian()
        let nonce = ChallengeNonce(high: rest.takeBigEndian(), low: rest.takeBigEndian())
        guard threshold > 0, let digest = SHA256Digest(bytes: rest) else { return nil }
        let challenge = Challenge(
            epoch: epoch, target: WorkTarget(threshold: threshold),
            issued: Duration(unixMilliseconds: issued),
            expires: Duration(unixMilliseconds: expires), nonce: nonce,
            binding: ChallengeBinding(digest: digest))
        return Parsed(challenge: challenge, signed: signed, code: code)
    }
}

/// 128 random bits that name one challenge.
package struct ChallengeNonce: Hashable, Sendable {
    /// The first 64 bits.
    package let high: UInt64
    /// The last 64 bits.
    package let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension Duration {
    /// Whole milliseconds, rounded down, held within what 64 bits express.
    var unixMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        return product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue
    }

    init(unixMilliseconds: Int64) { self = .milliseconds(unixMilliseconds) }
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    /// Removes an integer from the front; the caller has checked that enough bytes are there.
    mutating func takeBigEndian<T: FixedWidthInteger>() -> T {
        let size = T.bitWidth / 8
        defer { removeFirst(size) }
        return prefix(size).reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
    }
}
