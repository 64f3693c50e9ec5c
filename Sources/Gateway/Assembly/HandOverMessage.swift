import Policy
import Store

/// One message of a hand-over between two processes of the gateway, which may be of different versions: a kind that is not
/// known is passed over, and nothing of it is believed beyond its form.
enum HandOverMessage: Equatable {
    /// Who issues challenges, and who did before the key was changed.
    case authorities(present: [UInt8], retired: [UInt8]?)
    /// What the store holds.
    case entry(StoreEntry)
    /// Everything has been told that there was when the hand-over began; what is withheld later follows.
    case complete

    private enum Kind: UInt8 { case authorities = 1, claim, answer, complete }

    /// The message as bytes: its kind, then its fields; times in nanoseconds of the Unix era, numbers big-endian.
    var bytes: [UInt8] {
        switch self {
        case .authorities(let present, let retired):
            var bytes = [Kind.authorities.rawValue]
            Self.append(UInt64(present.count), to: &bytes)
            return bytes + present + (retired ?? [])
        case .entry(.claim(let key, let until)):
            return Self.head(.claim, key, until)
        case .entry(.answer(let answer, let key, let until)):
            var bytes = Self.head(.answer, key, until)
            Self.append(UInt64(answer.head.count), to: &bytes)
            return bytes + answer.head + answer.body
        case .complete: return [Kind.complete.rawValue]
        }
    }

    /// Reads what `bytes` wrote; nil for anything else.
    init?(_ bytes: [UInt8]) {
        guard let first = bytes.first, let kind = Kind(rawValue: first) else { return nil }
        var rest = bytes.dropFirst()
        switch kind {
        case .complete:
            guard rest.isEmpty else { return nil }
            self = .complete
        case .authorities:
            guard let count = Self.takeCount(&rest) else { return nil }
            let retired = rest.dropFirst(count)
            self = .authorities(
                present: Array(rest.prefix(count)), retired: retired.isEmpty ? nil : Array(retired))
        case .claim:
            guard let (key, until) = Self.takeHead(&rest), rest.isEmpty else { return nil }
            self = .entry(.claim(key, until: until))
        case .answer:
            guard let (key, until) = Self.takeHead(&rest), let count = Self.takeCount(&rest) else {
                return nil
            }
            let answer = WithheldAnswer(head: Array(rest.prefix(count)), body: Array(rest.dropFirst(count)))
            self = .entry(.answer(answer, key, until: until))
        }
    }

    private static func head(_ kind: Kind, _ key: StoreKey, _ until: Duration) -> [UInt8] {
        var bytes = [kind.rawValue]
        let (seconds, attoseconds) = until.components
        append(key.high, to: &bytes)
        append(key.low, to: &bytes)
        append(UInt64(clamping: seconds), to: &bytes)
        append(UInt64(clamping: attoseconds / 1_000_000_000), to: &bytes)
        return bytes
    }

    private static func takeHead(_ rest: inout ArraySlice<UInt8>) -> (StoreKey, Duration)? {
        guard let high = takeNumber(&rest), let low = takeNumber(&rest), let seconds = takeNumber(&rest),
            let nanoseconds = takeNumber(&rest), seconds < 1 << 40, nanoseconds < 1_000_000_000
        else { return nil }
        let until = Duration.seconds(Int64(seconds)) + .nanoseconds(Int64(nanoseconds))
        return (StoreKey(high: high, low: low), until)
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func takeNumber(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        guard rest.count >= 8 else { return nil }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number of bytes that are there.
    private static func takeCount(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let number = takeNumber(&rest), number <= UInt64(rest.count) else { return nil }
        return Int(number)
    }
}
