/// xorshift64*: small, seeded, the same on every machine.
struct Randomness {
    private var state: UInt64

    /// A generator that repeats itself for the same seed.
    init(seed: UInt64) { state = seed | 1 }

    /// The next 64 bits.
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }

    /// A number from 0 to `bound` - 1; `bound` is positive.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}

/// FNV-1a over what a parser saw, so that two runs are compared without keeping either.
struct Fingerprint: Equatable {
    private(set) var value: UInt64 = 14_695_981_039_346_656_037

    /// Takes one byte in.
    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 1_099_511_628_211 }

    /// Takes bytes in.
    mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(byte) } }
}
