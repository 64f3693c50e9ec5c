import Digest

/// Issues challenges and judges proofs; holds the key and no state.
///
/// Time is a parameter everywhere. It is the time since the start of the Unix era on a clock that does not step
/// back while the process runs (wall time at start plus monotonic time since): a step back would revive expired
/// challenges whose single-use claims are forgotten.
package struct ChallengeAuthority: Sendable {
    private let key: HMACKey
    /// What the key was made of, for a process that takes over.
    private let keyBytes: [UInt8]
    /// The number of this run, in every token.
    package let epoch: UInt64

    /// How far in the future an issue time may lie: replicas' clocks differ a little.
    package static let skewMax = Duration.seconds(5)

    /// An authority under `secret` for the run `epoch`.
    package init(secret: HMACKey, epoch: UInt64) {
        self.init(keyBytes: secret.authenticate(Array("samegate challenge 1".utf8)).bytes, epoch: epoch)
    }

    private init(keyBytes: [UInt8], epoch: UInt64) {
        self.keyBytes = keyBytes
        key = HMACKey(keyBytes)
        self.epoch = epoch
    }

    /// The authority of another process, from what `handedOver` gave there; nil for anything else.
    package init?(handedOver bytes: [UInt8]) {
        guard bytes.count == Self.handedOverByteCount else { return nil }
        var rest = bytes[...]
        let epoch: UInt64 = rest.takeBigEndian()
        self.init(keyBytes: Array(rest), epoch: epoch)
    }

    private static let handedOverByteCount = 8 + SHA256Digest.byteCount

    /// Everything that a process needs to judge this authority's challenges: a secret.
    package var handedOver: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: epoch)
        return bytes + keyBytes
    }

    /// Whether both issue under the same secret, in whatever run.
    package func hasSameSecret(as other: ChallengeAuthority) -> Bool {
        SecretBytes.equal(keyBytes, other.keyBytes)
    }

    /// An authority under `secret` for a run of its own.
    ///
    /// Throws: `DigestError` when there are no random bytes.
    package init(secret: HMACKey) throws(DigestError) {
        var bytes = try SecretBytes.random(count: 8)[...]
        self.init(secret: secret, epoch: bytes.takeBigEndian())
    }

    /// A challenge that asks `demand` of the client named in `binding` until `now + lifetime`.
    ///
    /// Any number may be open at once. Throws: `DigestError` when there are no random bytes for the nonce.
    package func issue(
        _ demand: WorkDemand, for binding: ChallengeBinding, now: Duration, lifetime: Duration
    ) throws(DigestError) -> IssuedChallenge {
        var random = try SecretBytes.random(count: 16)[...]
        let nonce = ChallengeNonce(high: random.takeBigEndian(), low: random.takeBigEndian())
        let challenge = Challenge(
            epoch: epoch, target: WorkTarget(demand), issued: now, expires: now + lifetime, nonce: nonce,
            binding: binding)
        let signed = challenge.signedBytes
        let token = Base64URL.encode(signed + key.authenticate(signed).bytes)
        return IssuedChallenge(challenge: challenge, token: token)
    }

    /// The challenge that `solution` solves, or why it is refused: form, expiry, code, run, binding, work.
    ///
    /// The order is by cost, and nothing of the token but its expiry is believed before its code is verified.
    /// Success says nothing about reuse: the caller then claims `nonce` in the store, atomically, and serves
    /// the proof only when the claim is fresh. The policy is not asked again.
    package func verify(
        token: String, solution: Solution, expected: ChallengeBinding, now: Duration
    ) -> Result<Challenge, ProofError> {
        judge(token, solution, expected: expected, now: now)
    }

    /// What `verify` finds wrong with a proof whatever it is expected to be for; nil where that is all that is left to know.
    ///
    /// For a query that is costly to read: a proof that comes to nothing should not buy the reading.
    package func objection(to token: String, solution: Solution, now: Duration) -> ProofError? {
        switch judge(token, solution, expected: nil, now: now) {
        case .success: nil
        case .failure(let error): error
        }
    }

    private func judge(
        _ token: String, _ solution: Solution, expected: ChallengeBinding?, now: Duration
    ) -> Result<Challenge, ProofError> {
        guard let parsed = Challenge.parse(token) else { return .failure(.malformedToken) }
        let challenge = parsed.challenge
        guard now < challenge.expires else { return .failure(.expired) }
        guard key.verifies(parsed.code, of: parsed.signed) else { return .failure(.forged) }
        guard challenge.issued <= now + Self.skewMax else { return .failure(.issuedInFuture) }
        guard challenge.epoch == epoch else { return .failure(.earlierRun) }
        guard expected == nil || challenge.binding == expected else { return .failure(.otherQuery) }
        var work = ProofWork(token: token)
        guard work.wins(solution, against: challenge.target) else { return .failure(.insufficientWork) }
        return .success(challenge)
    }
}

/// A challenge with the text that goes to the client.
package struct IssuedChallenge: Hashable, Sendable {
    /// What the token says, for the log and the client's problem document.
    package let challenge: Challenge
    /// Opaque to the client: to be hashed and sent back as it is.
    package let token: String
}

/// Why a proof is refused. Every case is final for this attempt: there is no case that lets it through.
package enum ProofError: Error, Hashable, CaseIterable, Sendable {
    /// Not the form of a token.
    case malformedToken
    /// Its time is over.
    case expired
    /// Its code is wrong: changed, or of another secret.
    case forged
    /// It claims to come from a later time than now.
    case issuedInFuture
    /// Authentic, but of an earlier run of the gateway, whose withheld answers are gone.
    case earlierRun
    /// Issued to another client, for another route or for another query.
    case otherQuery
    /// The solution does not reach the target.
    case insufficientWork

    /// What the client may be told.
    package var publicReason: String {
        switch self {
        case .malformedToken, .forged: "the challenge token is not one this service issued"
        case .expired: "the challenge has expired; send the query again for a new one"
        case .issuedInFuture: "the challenge is not valid yet"
        case .earlierRun:
            "the challenge is of an earlier run of this service; send the query again for a new one"
        case .otherQuery: "the challenge was issued for another client, route or query"
        case .insufficientWork: "the solution does not reach the challenge's target"
        }
    }
}
