import CKernels
import SAME
import Tensor

/// A classifier with packed weights: the features of each image, then linear layers on all images at once.
struct ClassifierPlan {
    /// What makes an image's features.
    private enum Body {
        /// The pixels themselves.
        case pixels
        case convolutions(ConvolutionsPlan)
        case residual(ResNetPlan)
        case transformer(TransformerPlan)
    }

    private let image: ImageShape
    let classes: Int
    private let body: Body
    private let layers: [PackedLayer]
    private let kind: Kind
    /// One image, as the body takes it.
    private let picture: Region
    /// The linear layers' inputs, and outputs, by turns: (images, padded).
    private let features: Region
    private let between: [Region]

    init(_ model: Classifier, _ kernels: KernelSet, in store: WeightStore, _ layout: inout ArenaLayout) {
        let weights = Weights(tensors: model.stateDict)
        (image, classes) = (model.architecture.image, model.architecture.classes)
        kind = kernels.innerKind
        picture = layout.reserve(rows: 1, image.count, .f32)
        func linear(_ names: String...) -> [PackedLayer] {
            names.map { PackedLayer(kernels.inner, linear: $0, weights, in: store) }
        }
        switch model.architecture {
        case .conv3(let image, _, _):
            let plan = ConvolutionsPlan(image: image, weights, kernels, in: store, &layout)
            body = .convolutions(plan)
            layers = [plan.flattened("net.9", weights, kernels, in: store)] + linear("net.11")
        case .mlp:
            body = .pixels
            layers = linear("linear1", "linear2", "linear3")
        case .resnet(let image, _, let sizes):
            body = .residual(ResNetPlan(image: image, sizes: sizes, weights, kernels, in: store, &layout))
            layers = linear("fc")
        case .vit(let image, _, let sizes):
            body = .transformer(
                TransformerPlan(image: image, sizes: sizes, weights, kernels, in: store, &layout))
            layers = linear("head")
        }
        let rows = Plan.imagesAtOnce
        features = layout.reserve(rows: rows, layers[0].depth, kind)
        between = layers.map { layout.reserve(rows: rows, $0.columns, .f32) }
    }

    /// Whether images are to be put into ``room(_:)`` channels last.
    var channelsLast: Bool {
        switch body {
        case .pixels, .transformer: false
        case .convolutions, .residual: true
        }
    }

    /// Where one image goes before ``describe(_:_:)``.
    func room(_ arena: PlanArena) -> UnsafeMutablePointer<Float> { arena.floats(picture) }

    /// Puts an image of canonical values, channels first, into ``room(_:)``.
    func put(_ pixels: UnsafePointer<Float>, _ arena: PlanArena) {
        if channelsLast, image.channels > 1 {
            Kernels.transpose(pixels, into: room(arena), image.channels, image.width * image.height)
        } else {
            room(arena).update(from: pixels, count: image.count)
        }
    }

    /// Computes the features of the image in the room, or what comes before layers that several images pass at once, as row
    /// `index` of those classified together.
    func describe(_ index: Int, _ arena: PlanArena) {
        let row = arena.raw(features) + index * layers[0].depth * kind.size
        switch body {
        case .pixels:
            let convert = sg_convert(
                x: arena.raw(picture), x_kind: Int32(SG_KIND_F32), x_row: 0, rows: 1,
                columns: roundUp(image.count),
                out: row, out_row: 0, scale: nil, zero: nil)
            withUnsafePointer(to: convert) { sg_infer_convert(layers[0].kernels, $0) }
        case .convolutions(let plan): plan.run(arena.floats(picture), into: row, arena)
        case .residual(let plan): plan.begin(arena.floats(picture), index, arena)
        case .transformer(let plan): plan.run(arena.floats(picture), into: row, arena)
        }
    }

    /// The features of a described and classified image, those that enter the last layer, and their kind.
    func features(_ index: Int, _ arena: PlanArena) -> (UnsafeRawPointer, Kind) {
        let last = layers.count - 1
        let input = arena.raw(last == 0 ? features : between[last - 1])
        return (UnsafeRawPointer(input + index * layers[last].depth * kind.size), kind)
    }

    /// The class probabilities of the described images, (count, classes), and where given their energies, (count); nothing for the
    /// rows that are settled, which were not described: in the arena lies what another query left there.
    func classify(
        _ count: Int, except settled: [Int], into probabilities: UnsafeMutablePointer<Float>,
        energies: UnsafeMutablePointer<Float>?, _ arena: PlanArena
    ) {
        let (logits, columns) = logits(count, except: settled, arena)
        for row in 0..<count where !settled.contains(row) {
            let from = logits + row * columns
            energies?[row] = Scorer.energy(UnsafeBufferPointer(start: from, count: classes))
            Kernels.softmax(from, into: probabilities + row * classes, 1, classes)
        }
    }

    /// The logits of the described images, row by row, and how far rows are apart; they stay in the arena until it is used
    /// again. Nothing of use for the rows that are settled.
    func logits(
        _ count: Int, except settled: [Int] = [], _ arena: PlanArena
    ) -> (UnsafePointer<Float>, row: Int) {
        var input = arena.raw(features)
        if case .residual(let plan) = body {
            plan.end(count, except: settled, into: input, row: layers[0].depth * kind.size, arena)
        }
        for (index, layer) in layers.enumerated() {
            let isLast = index == layers.count - 1
            let to = arena.raw(between[index])
            var product = layer.product(input, rows: count, into: to, isLast ? .f32 : kind)
            product.activation = Int32(isLast ? SG_ACTIVATION_NONE : SG_ACTIVATION_RELU)
            layer.run(product)
            input = to
        }
        let last = layers.count - 1
        return (UnsafePointer(arena.floats(between[last])), layers[last].columns)
    }
}
