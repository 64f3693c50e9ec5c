/// How well a score tells attack queries from benign ones, as the paper measures it: attacks are the
/// positives, and a higher score means attack.
package struct DetectionMetrics: Hashable, Sendable {
    /// Area under the receiver operating characteristic: the chance that an attack scores above a benign
    /// query, ties counting half. Exact.
    package let auroc: Double
    /// The false-positive rate where 95 % of attacks are caught, by linear interpolation of the ROC.
    package let fpr95: Double
    /// The same at 90 %.
    package let fpr90: Double
    /// Area under the precision-recall curve by the trapezoid rule.
    package let aupr: Double

    /// The metrics of two samples of scores, or nil when one is empty or holds a NaN. Infinite scores are
    /// ranked.
    package init?(attack: [Double], benign: [Double]) {
        guard !attack.isEmpty, !benign.isEmpty, !(attack + benign).contains(where: \.isNaN) else {
            return nil
        }
        self.init(ROC(attack: attack, benign: benign))
    }

    /// The metrics of a curve.
    init(_ curve: ROC) {
        auroc = curve.auroc
        fpr95 = curve.falsePositiveRate(atTruePositiveRate: 0.95)
        fpr90 = curve.falsePositiveRate(atTruePositiveRate: 0.90)
        aupr = curve.aupr
    }
}

/// The ROC as counts: one corner for each distinct score, from the highest down, beginning with nothing
/// flagged.
struct ROC {
    private(set) var corners: [(caught: Int, false: Int)] = [(0, 0)]
    private let attacks: Int
    private let benign: Int

    init(attack: [Double], benign: [Double]) {
        attacks = attack.count
        self.benign = benign.count
        let scores = attack.map { ($0, true) } + benign.map { ($0, false) }
        var caught = 0, flagged = 0
        var last: Double?
        for (score, isAttack) in scores.sorted(by: { $0.0 > $1.0 }) {
            if let last, score < last { corners.append((caught, flagged)) }
            last = score
            if isAttack { caught += 1 } else { flagged += 1 }
        }
        corners.append((caught, flagged))
    }

    /// The rates of the corners, thinned to those that a drawing `steps` wide could tell apart.
    func points(steps: Int = 160) -> (falsePositives: [Double], truePositives: [Double]) {
        var kept: [(x: Double, y: Double)] = []
        for (index, corner) in corners.enumerated() {
            let point = (x: Double(corner.false) / Double(benign), y: Double(corner.caught) / Double(attacks))
            let isFar =
                kept.last.map { max(point.x - $0.x, point.y - $0.y) * Double(steps) >= 1 } ?? true
            if isFar || index == corners.count - 1 { kept.append(point) }
        }
        return (kept.map(\.x), kept.map(\.y))
    }

    /// Trapezoids over tied scores are what counts a tie half. In integers, so that it is exact.
    var auroc: Double {
        var doubled = 0
        for (a, b) in zip(corners, corners.dropFirst()) {
            doubled += (b.false - a.false) * (a.caught + b.caught)
        }
        return Double(doubled) / (2 * Double(attacks) * Double(benign))
    }

    func falsePositiveRate(atTruePositiveRate rate: Double) -> Double {
        let wanted = rate * Double(attacks)
        for (a, b) in zip(corners, corners.dropFirst()) where Double(b.caught) >= wanted {
            guard b.caught > a.caught else { continue }
            let share = (wanted - Double(a.caught)) / Double(b.caught - a.caught)
            return (Double(a.false) + share * Double(b.false - a.false)) / Double(benign)
        }
        return 1
    }

    /// Between corners by a line, as attacks caught at a rate that no threshold has are.
    func truePositiveRate(atFalsePositiveRate rate: Double) -> Double {
        let wanted = rate * Double(benign)
        guard let next = corners.firstIndex(where: { Double($0.false) > wanted }) else { return 1 }
        guard next > 0 else { return 0 }
        let (a, b) = (corners[next - 1], corners[next])
        let share = (wanted - Double(a.false)) / Double(b.false - a.false)
        return (Double(a.caught) + share * Double(b.caught - a.caught)) / Double(attacks)
    }

    /// From recall 0, where precision is taken as 1 by convention, through every corner.
    var aupr: Double {
        var area = 0.0
        var last = (recall: 0.0, precision: 1.0)
        for corner in corners.dropFirst() {
            let recall = Double(corner.caught) / Double(attacks)
            let precision = Double(corner.caught) / Double(corner.caught + corner.false)
            area += (recall - last.recall) * (precision + last.precision) / 2
            last = (recall, precision)
        }
        return area
    }
}
