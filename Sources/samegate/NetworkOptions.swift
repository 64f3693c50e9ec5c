import ArgumentParser
import Learning
import SAME

/// The kinds of classifier that can be asked for.
enum NetworkKind: String, CaseIterable, ExpressibleByArgument {
    case conv3, mlp, resnet18, resnet34, resnet, vit

    static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

extension ResNetSizes.Stem: ExpressibleByArgument {}
extension VisionTransformerSizes.Pool: ExpressibleByArgument {}

/// A classifier as asked for: its kind, and whatever sizes were given.
struct NetworkChoice {
    var kind: NetworkKind
    var width: Int?
    var blocks: String?
    var stem: ResNetSizes.Stem?
    var patch: Int?
    var embedding: Int?
    var depth: Int?
    var heads: Int?
    var pool: VisionTransformerSizes.Pool?

    /// The kind with its sizes; `width` is Conv3's unless given.
    ///
    /// **Throws** `ValidationError` for a size that this kind does not have.
    func kind(width conv3Width: Int) throws -> FitOptions.AuxiliaryKind {
        try refuseOthers()
        switch kind {
        case .conv3: return .conv3(width: width ?? conv3Width)
        case .mlp: return .mlp(hidden: width ?? 256)
        case .resnet18: return .resnet(sizes: .resnet18(stem: stem ?? .cifar, width: width ?? 64))
        case .resnet34: return .resnet(sizes: .resnet34(stem: stem ?? .cifar, width: width ?? 64))
        case .resnet:
            let blocks = try Self.numbers(blocks ?? "3,3,3")
            return .resnet(sizes: ResNetSizes(blocks: blocks, width: width ?? 16, stem: stem ?? .cifar))
        case .vit:
            return .vit(
                sizes: VisionTransformerSizes(
                    patch: patch ?? 4, embedding: embedding ?? 192, depth: depth ?? 12, heads: heads ?? 3,
                    pool: pool ?? .token))
        }
    }

    private func refuseOthers() throws {
        let isResidual = [.resnet18, .resnet34, .resnet].contains(kind)
        let given: [(name: String, isGiven: Bool, belongs: Bool)] = [
            ("width", width != nil, kind != .vit), ("blocks", blocks != nil, kind == .resnet),
            ("stem", stem != nil, isResidual), ("patch", patch != nil, kind == .vit),
            ("embedding", embedding != nil, kind == .vit), ("depth", depth != nil, kind == .vit),
            ("heads", heads != nil, kind == .vit), ("pool", pool != nil, kind == .vit),
        ]
        for (name, isGiven, belongs) in given where isGiven && !belongs {
            throw ValidationError("\(kind.rawValue) has no \(name)")
        }
    }

    private static func numbers(_ list: String) throws -> [Int] {
        let numbers = list.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard !numbers.isEmpty, !numbers.contains(nil) else {
            throw ValidationError("“\(list)” is no list of blocks such as 2,2,2,2")
        }
        return numbers.compactMap { $0 }
    }
}

extension NetworkChoice {
    /// What asks for a kind with every size it has.
    init(_ kind: FitOptions.AuxiliaryKind) {
        switch kind {
        case .conv3(let width): self.init(kind: .conv3, width: width)
        case .mlp(let hidden): self.init(kind: .mlp, width: hidden)
        case .resnet(let sizes):
            let blocks = sizes.blocks.map(String.init).joined(separator: ",")
            self.init(kind: .resnet, width: sizes.width, blocks: blocks, stem: sizes.stem)
        case .vit(let sizes):
            self.init(
                kind: .vit, patch: sizes.patch, embedding: sizes.embedding, depth: sizes.depth,
                heads: sizes.heads, pool: sizes.pool)
        }
    }

    /// Sets the sizes that were not given to another choice's.
    mutating func takeSizes(from other: NetworkChoice) {
        width = width ?? other.width
        blocks = blocks ?? other.blocks
        stem = stem ?? other.stem
        patch = patch ?? other.patch
        embedding = embedding ?? other.embedding
        depth = depth ?? other.depth
        heads = heads ?? other.heads
        pool = pool ?? other.pool
    }
}

/// The victim's network.
struct VictimNetworkOptions: ParsableArguments {
    @Option(
        name: [.customLong("architecture"), .customLong("model")],
        help: ArgumentHelp("\(NetworkKind.list).", valueName: "kind"))
    var architecture: NetworkKind = .conv3
    @Option(
        help:
            "Channels of the first layer (conv3 32, resnet18 and 34 64, resnet 16), or hidden units (mlp 256)."
    )
    var width: Int?
    @Option(help: ArgumentHelp("Blocks of each stage of resnet (default: 3,3,3).", valueName: "n,…"))
    var blocks: String?
    @Option(help: "Stem of a ResNet: cifar (3x3) or imagenet (7x7 and a pool).")
    var stem: ResNetSizes.Stem?
    @Option(help: "Side of vit's patches in pixels (default: 4).")
    var patch: Int?
    @Option(help: "Values of vit's tokens (default: 192).")
    var embedding: Int?
    @Option(help: "Blocks of vit (default: 12).")
    var depth: Int?
    @Option(help: "Heads of vit's attention (default: 3).")
    var heads: Int?
    @Option(help: "What vit classifies: token or mean.")
    var pool: VisionTransformerSizes.Pool?

    func validate() throws { _ = try choice.kind(width: 1) }

    /// What was asked for.
    var choice: NetworkChoice {
        NetworkChoice(
            kind: architecture, width: width, blocks: blocks, stem: stem, patch: patch, embedding: embedding,
            depth: depth, heads: heads, pool: pool)
    }
}

/// The auxiliary model's network: what differs from the preset's.
struct AuxiliaryNetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The auxiliary model: \(NetworkKind.list) (default: the preset's).", valueName: "kind"))
    var auxiliary: NetworkKind?
    @Option(
        help: ArgumentHelp(
            "Channels of its first layer (of another kind than the preset's: conv3 16, resnet18 and 34 64, resnet 16), or hidden units (mlp 256)."
        ))
    var auxiliaryWidth: Int?
    @Option(
        help: ArgumentHelp(
            "Blocks of each stage of resnet (default: the preset's, or 3,3,3).", valueName: "n,…"))
    var auxiliaryBlocks: String?
    @Option(help: "Stem of a ResNet: cifar (3x3) or imagenet (7x7 and a pool).")
    var auxiliaryStem: ResNetSizes.Stem?
    @Option(help: "Side of vit's patches in pixels (default: 4).")
    var auxiliaryPatch: Int?
    @Option(help: "Values of vit's tokens (default: 192).")
    var auxiliaryEmbedding: Int?
    @Option(help: "Blocks of vit (default: 12).")
    var auxiliaryDepth: Int?
    @Option(help: "Heads of vit's attention (default: 3).")
    var auxiliaryHeads: Int?
    @Option(help: "What vit classifies: token or mean.")
    var auxiliaryPool: VisionTransformerSizes.Pool?

    /// A kind with the changes that were asked for: sizes that were not given are those of `base`, or another kind's own.
    ///
    /// **Throws** `ValidationError` for a size that the kind does not have.
    func kind(changing base: FitOptions.AuxiliaryKind) throws -> FitOptions.AuxiliaryKind {
        let preset = NetworkChoice(base)
        var choice = NetworkChoice(
            kind: auxiliary ?? preset.kind, width: auxiliaryWidth, blocks: auxiliaryBlocks,
            stem: auxiliaryStem, patch: auxiliaryPatch, embedding: auxiliaryEmbedding, depth: auxiliaryDepth,
            heads: auxiliaryHeads, pool: auxiliaryPool)
        if choice.kind == preset.kind { choice.takeSizes(from: preset) }
        return try choice.kind(width: 16)
    }
}
