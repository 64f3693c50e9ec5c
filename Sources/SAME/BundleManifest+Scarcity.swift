import Foundation

extension BundleManifest {
    /// A warning where too few pictures calibrated the score to measure the percentiles that policies are written with; nil
    /// else. `option` is what has more of them calibrate.
    package func scarcityWarning(option: String) -> String? {
        let count = calibration.full.sampleCount
        let beyond = Self.rarities.filter { $0.pictures > count }
        guard let rarest = beyond.last else { return nil }
        let names = beyond.map(\.name).joined(separator: " and ")
        let measured = (1e4 * (1 - 1 / Double(count))).rounded(.down) / 100
        // Some of what is held out stands for pictures that arrive re-encoded, and rates nothing.
        let held = max(provenance.imageCount - provenance.trainingCount, count)
        let wanted = (rarest.pictures * held + count - 1) / count
        return """
            warning: only \(count) pictures calibrate the score, which measures nothing rarer than one honest query in \
            \(count): \(names), and all else above p\(String(format: "%.2f", measured)), is extrapolated, and its stated \
            rate may be far off. Keep thresholds below, or calibrate on more (\(option)): about \(wanted) for \(rarest.name)
            """
    }

    /// Percentiles far up that thresholds are set at, ascending, and how many pictures it takes to measure them.
    private static let rarities = [(name: "p99.5", pictures: 200), (name: "p99.9", pictures: 1000)]
}
