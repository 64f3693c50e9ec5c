import SAME
import Tensor

/// Holds a precision's scores of a bundle's calibration split against those in 32 bits.
package struct PrecisionTrial {
    private let bundle: ModelBundle
    /// **Shapes** (B, C·H·W), canonical values.
    private let benign: Tensor
    private let strange: Tensor
    private let answers: [[Float]]
    private let scorer: Scorer
    private let workspace: Workspace
    private let reference: Examiner

    /// The largest change of a value by the noise that makes strange queries of benign ones. **Units** canonical values: a
    /// perturbation that attacks use, far from the noise images that every precision tells apart.
    static let noise: Float = 0.2

    /// A trial of `benign` queries with the victim's answers to them.
    ///
    /// **Throws** never on a processor that runs this program: 32 bits are there on all.
    package init(
        _ bundle: ModelBundle, benign: Tensor, answers: [[Float]], workspace: Workspace
    ) throws(PlanError) {
        precondition(benign.rows == answers.count && benign.rowCount == bundle.manifest.image.count)
        self.bundle = bundle
        self.benign = benign
        self.answers = answers
        scorer = Scorer(bundle)
        self.workspace = workspace
        reference = try Self.examiner(bundle, .f32, workspace)
        var generator = RandomGenerator(seed: 1)
        let values = benign.values.map { min(1, max(-1, $0 + generator.uniform(-Self.noise..<Self.noise))) }
        strange = Tensor(shape: benign.shape, values: values)
    }

    /// What the precision does to the scores. **Throws** where this processor lacks its instructions.
    package func measure(_ precision: Plan.Precision) throws(PlanError) -> PrecisionShift {
        let lower = try Self.examiner(bundle, precision, workspace)
        return PrecisionShift(
            benign: (scores(benign, reference), scores(benign, lower)),
            strange: (scores(strange, reference), scores(strange, lower)),
            thresholds: PrecisionShift.percentiles.map { scorer.threshold(percentile: $0) })
    }

    /// The strange queries are scored with the answers to those they were made of: a victim that is not moved by the noise.
    private func scores(_ rows: Tensor, _ examiner: Examiner) -> [Double] {
        zip(examiner.examine(rows), answers).map { scorer.assess($0, answer: $1).raw }
    }

    private static func examiner(
        _ bundle: ModelBundle, _ precision: Plan.Precision, _ workspace: Workspace
    ) throws(PlanError) -> Examiner {
        try Examiner(
            bundle.networks, precision: precision, secret: MaskSecret(seed: 1), workspace: workspace)
    }
}

extension ModelBundle {
    /// The bundle with what each lower precision that this processor has, and that has room for the bundle's sums, does to its
    /// scores of these queries.
    package func measuringPrecisions(
        benign: Tensor, answers: [[Float]], workspace: Workspace
    ) throws(PlanError) -> ModelBundle {
        let trial = try PrecisionTrial(self, benign: benign, answers: answers, workspace: workspace)
        var manifest = manifest
        var shifts = manifest.precisions ?? [:]
        for precision in Plan.Precision.allCases where precision != .f32 && precision.isSupported {
            do throws(PlanError) {
                shifts[precision.rawValue] = try trial.measure(precision)
            } catch {
                guard case .tooDeep = error else { throw error }
                shifts[precision.rawValue] = nil
            }
        }
        manifest.precisions = shifts.isEmpty ? nil : shifts
        return with(manifest)
    }

    /// Why the bundle may not be scored in a precision, or nil: 8 bits only where their shift has been measured and is
    /// within the tolerances, 16 where it is or nothing is known, 32 always.
    package func objection(to precision: Plan.Precision) -> String? {
        guard precision != .f32 else { return nil }
        guard let shift = manifest.precisions?[precision.rawValue] else {
            guard precision == .int8 else { return nil }
            do throws(PlanError) {
                _ = try Plan(self, precision: precision)
            } catch .tooDeep(let precision, let depth) {
                // It was not measured because it cannot be.
                return "\(PlanError.tooDeep(precision, depth: depth))"
            } catch {
                // The measurement is what is missing, on whatever processor.
            }
            return
                "what int8 does to this bundle's scores has not been measured; samegate bundle measure does it"
        }
        let excesses = shift.excesses
        guard !excesses.isEmpty else { return nil }
        return "\(precision.rawValue) moves this bundle's scores too far: " + excesses.joined(separator: "; ")
    }
}
