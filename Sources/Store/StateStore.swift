/// What outlives a request: spent challenges and withheld answers.
///
/// Every operation is one atomic step, because looking first and writing afterwards lets two racing requests both
/// succeed. Times are `Duration`s since the start of the Unix era on the same clock that challenges are issued by.
///
/// **Runs on** any thread; an implementation answers within its own stated deadline.
package protocol StateStore: Sendable {
    /// Marks `key` as used until `until`; of any number of racing callers exactly one is told `.fresh`.
    ///
    /// Throws: `StoreError` when the store cannot be asked; the caller treats that as its configuration says,
    /// never as `.fresh`.
    func claim(_ key: StoreKey, until: Duration) throws(StoreError) -> Claim

    /// Keeps `answer` under `key` until `until` or until it is redeemed. An unexpired answer is never dropped
    /// for a newer one.
    func withhold(
        _ answer: WithheldAnswer, as key: StoreKey, until: Duration
    ) throws(StoreError) -> Withholding

    /// Removes and returns the answer under `key`; of any number of racing callers at most one gets it.
    ///
    /// Nil when there is none, or its time is over.
    func redeem(_ key: StoreKey) throws(StoreError) -> WithheldAnswer?

    /// What is held and what was turned away, for metrics.
    var statistics: StoreStatistics { get }
}

/// 128 bits that name an entry: the nonce of a challenge.
package struct StoreKey: Hashable, Sendable {
    /// The first 64 bits.
    package let high: UInt64
    /// The last 64 bits, which also choose the shard.
    package let low: UInt64

    /// The key with these halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// What became of a claim.
package enum Claim: Hashable, Sendable {
    /// The caller is the first and only one.
    case fresh
    /// The key was claimed before.
    case replayed
    /// The time to claim it until is already over.
    case expired
    /// No room to remember it, so that it cannot be granted.
    case full
    /// Another process keeps claims now, and would not know of it.
    case handedOver
}

/// What became of an answer to be withheld.
package enum Withholding: Hashable, Sendable {
    /// It is kept.
    case held
    /// There is an answer under this key already, which stays.
    case taken
    /// Its time is already over.
    case expired
    /// No room for its count or its bytes beside the unexpired ones.
    case full
}

/// An answer of the victim that waits for its proof.
package struct WithheldAnswer: Hashable, Sendable {
    /// Whatever the gateway needs beside the body, in a form of its own: status, header fields, decisions.
    package var head: [UInt8]
    /// The body, as it will go out.
    package var body: [UInt8]

    /// An answer of these bytes.
    package init(head: [UInt8], body: [UInt8]) {
        self.head = head
        self.body = body
    }

    /// What the answer counts for against the store's bound on bytes.
    package var byteCount: Int { head.count + body.count }
}

/// Why a store cannot be asked.
package enum StoreError: Error, Hashable, Sendable {
    /// The server behind it does not answer; `reason` is for the operator.
    case unavailable(reason: String)
    /// It did not answer in time.
    case timedOut
}

/// Numbers for metrics; the counters never go down.
package struct StoreStatistics: Hashable, Sendable {
    /// Claims remembered now, expired ones not yet swept included.
    package var claims = 0
    /// Answers held now, expired ones not yet swept included.
    package var answers = 0
    /// Their bytes.
    package var answerBytes = 0
    /// Claims refused as used before.
    package var replays: UInt64 = 0
    /// Claims turned away for lack of room.
    package var claimsTurnedAway: UInt64 = 0
    /// Answers turned away for lack of room.
    package var answersTurnedAway: UInt64 = 0
    /// Answers that nobody redeemed in time.
    package var answersExpired: UInt64 = 0

    /// All zero.
    package init() {}
}
