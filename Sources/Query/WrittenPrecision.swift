/// How finely the numbers of a row were written, which bounds how far rounding can have taken their sum from 1.
///
/// Rounding to d decimals moves each number by half a unit of the last at most. Writers leave zeros at the end out, so it is the
/// number with the most decimals that tells d: 0.9, 0.05, 0.05 were rounded to two.
struct WrittenPrecision: Hashable, Sendable {
    /// The most decimals that one of the numbers has.
    private(set) var decimals = 0

    /// Numbers of more decimals than these are taken for unrounded.
    private static let decimalsMax = 6
    /// However coarse the numbers, no more is put down to rounding.
    private static let slackMax = 0.05

    /// That of no number yet.
    init() {}

    /// That of the numbers which stand in `body` at these places.
    init(of numbers: some Sequence<Range<Int>>, in body: [UInt8]) {
        for number in numbers { note(body[number]) }
    }

    /// Takes a number into account, as JSON spells it: 0.25, 1, 5e-05.
    mutating func note(_ text: some Sequence<UInt8>) {
        var (found, exponent) = (0, 0)
        var (isPastPoint, isPastE, isNegative) = (false, false, false)
        for byte in text {
            switch byte {
            case UInt8(ascii: "."): isPastPoint = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"): isPastE = true
            case UInt8(ascii: "-"): isNegative = isPastE
            case UInt8(ascii: "0")...UInt8(ascii: "9") where isPastE:
                exponent = min(exponent * 10 + Int(byte - UInt8(ascii: "0")), 100_000)
            case UInt8(ascii: "0")...UInt8(ascii: "9") where isPastPoint: found += 1
            default: break
            }
        }
        decimals = max(decimals, found + (isNegative ? exponent : -exponent))
    }

    /// How far from 1 rounding can have taken the mass of a row of such a kind; 0 for numbers that nobody has rounded, or
    /// that tell no distribution.
    func slack(of kind: AnswerKind, classes: Int) -> Double {
        guard decimals <= Self.decimalsMax else { return 0 }
        var half = 0.5
        for _ in 0..<decimals { half /= 10 }
        return switch kind {
        case .probabilities, .topK: min(Self.slackMax, Double(classes) * half)
        // Each probability is off by a factor of up to e^half, and so is their sum.
        case .logProbabilities: min(Self.slackMax, half * (1 + half))
        case .logits, .labels: 0
        }
    }
}
