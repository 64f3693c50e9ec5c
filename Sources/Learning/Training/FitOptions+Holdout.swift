import SAME

extension FitOptions {
    /// Images held out where there are plenty.
    static let holdoutMost = 5000

    /// How many of `count` images are held out unless it is said: 5000, or a quarter where that is less, but no fewer than a
    /// calibration accepts. With a line that says so where they are fewer than usual.
    package static func usualHoldout(of count: Int) -> (holdout: Int, notice: String?) {
        let holdout = max(min(holdoutMost, count / 4), TailFunction.sampleCountMin)
        guard holdout < holdoutMost else { return (holdout, nil) }
        return (
            holdout,
            "\(holdout) of the \(count) images are kept from training, not \(holdoutMost) (--holdout)"
        )
    }
}
