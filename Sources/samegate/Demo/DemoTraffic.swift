import Foundation
import Learning
import Query
import RedTeam
import SAME
import Tensor

/// The queries of the demonstration, ready to send.
struct DemoTraffic {
    /// What a query is, as the client that sends it knows.
    enum Kind: String, CaseIterable {
        case benign
        /// Pictures from elsewhere.
        case ood
        /// Test pictures, a step along the victim's gradient.
        case perturbation
        case noise

        /// The name in the printed table.
        var title: String {
            switch self {
            case .benign: "benign test pictures"
            case .ood: "pictures from elsewhere"
            case .perturbation: "sign-gradient, step 0.1"
            case .noise: "uniform noise"
            }
        }
    }

    /// Request bodies by kind, one picture each.
    let bodies: [Kind: [[UInt8]]]
    /// All test pictures in batches, with their labels, for the victim's accuracy.
    let testBatches: [(body: [UInt8], labels: [Int])]
    /// How many test pictures there are.
    let testCount: Int
    /// Where pictures from elsewhere came from.
    let foreignFiles: [String]
    let reader: AnswerReader

    /// The paper's step, in [−1, 1].
    static let step: Float = 0.1

    init(model: String, data: String, foreign: [String], queries: Int) throws {
        let victim: ClassifierDirectory
        do throws(BundleError) {
            victim = try ClassifierDirectory(contentsOf: model)
        } catch {
            throw DemoError(description: "\(model): \(error)")
        }
        let shape = victim.manifest.architecture.image
        let classes = victim.manifest.architecture.classes
        let test = try ImageSet(idx: data + "/t10k-images-idx3-ubyte.gz")
        let labels = try Labels(idx: data + "/t10k-labels-idx1-ubyte.gz", images: test.count)
        guard test.shape == shape else {
            throw DemoError(description: "\(data) has pictures of \(test.shape), the victim takes \(shape)")
        }
        guard test.count >= queries else {
            throw DemoError(
                description: "\(data) has \(test.count) test pictures, fewer than --queries \(queries)")
        }
        let elsewhere = ForeignPictures(folders: foreign, count: queries, image: shape, seed: 2)
        guard elsewhere.files.count == queries else {
            throw DemoError(
                description: "only \(elsewhere.files.count) of \(queries) pictures from elsewhere found under"
                    + " \(foreign.joined(separator: ", ")); Scripts/setup installs them, --foreign names others"
            )
        }
        let encoder = QueryEncoder(
            QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: shape))
        // The victim was trained on others, and fit saw none of these; any thousand will do, so the first.
        let benign = test.canonical(0..<queries, range: .signed)
        let tensors: [Kind: Tensor] = [
            .benign: benign, .ood: elsewhere.values,
            .perturbation: SimpleQueries.signGradient(
                benign.reshaped([queries, shape.count]), model: victim.classifier, step: Self.step),
            .noise: SimpleQueries.uniformNoise(count: queries, image: shape, seed: 3),
        ]
        bodies = tensors.mapValues { tensor in
            (0..<tensor.rows).map { encoder.body(QueryBatch(shape: shape, values: Array(tensor.row($0)))) }
        }
        testBatches = stride(from: 0, to: test.count, by: 100).map { start in
            let range = start..<min(start + 100, test.count)
            let batch = test.canonical(range, range: .signed)
            return (encoder.body(QueryBatch(shape: shape, values: batch.values)), Array(labels.values[range]))
        }
        testCount = test.count
        foreignFiles = elsewhere.files
        reader = AnswerReader(AnswerFormat(kind: .probabilities, classes: classes))
    }
}
