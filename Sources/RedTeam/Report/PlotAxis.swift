import Foundation

/// One axis of a plot: what it says and how values become places on it.
struct PlotAxis {
    enum Scale { case linear, logarithmic }

    var title: String
    var scale = Scale.linear
    var low: Double
    var high: Double
    /// Where numbers stand; none makes round ones.
    var marks: [Double] = []
    var format: (Double) -> String = PlotAxis.plain

    /// The share of the axis' length where a value lies, held within it.
    func place(_ value: Double) -> Double {
        guard !value.isNaN else { return 0 }
        let (a, b, x) = scale == .linear ? (low, high, value) : (log(low), log(high), log(max(value, low)))
        guard b > a else { return 0.5 }
        return min(1, max(0, (x - a) / (b - a)))
    }

    /// The marks that are asked for or, without any, round numbers or powers of ten.
    var ticks: [Double] {
        if !marks.isEmpty { return marks }
        guard high > low else { return [low] }
        if scale == .logarithmic {
            let from = Int(log10(low).rounded(.up)),
                to = max(Int(log10(low).rounded(.up)), Int(log10(high).rounded(.down)))
            let every = max(1, (to - from + 5) / 6)
            return stride(from: from, through: to, by: every).map { pow(10, Double($0)) }
        }
        let step = Self.roundStep((high - low) / 5)
        let first = (low / step).rounded(.up)
        let last = (high / step + 1e-9).rounded(.down)
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// 1, 2 or 5 times a power of ten, at least as large.
    static func roundStep(_ step: Double) -> Double {
        let power = pow(10, log10(step).rounded(.down))
        return ([1, 2, 5].first { $0 * power >= step * 0.999 } ?? 10) * power
    }

    /// At most three significant digits.
    static func plain(_ value: Double) -> String {
        if value == 0 { return "0" }
        let size = abs(value)
        if size >= 1e5 || size < 1e-3 { return String(format: "%.0e", value) }
        return String(format: "%.3g", value)
    }

    /// A share as a percentage.
    static func percent(_ value: Double) -> String { plain(value * 100) }
}
