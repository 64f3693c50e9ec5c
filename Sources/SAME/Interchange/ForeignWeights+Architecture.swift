import Neural
import Tensor

/// Architectures read off names and shapes.
extension ForeignWeights {
    func readAutoencoder(
        _ image: ImageShape, _ heads: (encoder: Int, decoder: Int)?
    ) throws(ImportError) -> MaskedAutoencoderArchitecture {
        guard let patchify = state["encoder.patchify.weight"], patchify.shape.count == 4 else {
            throw unknown(
                "a masked autoencoder has “encoder.patchify.weight” of four dimensions")
        }
        guard let heads else { throw .headsUnknown(path: path) }
        return MaskedAutoencoderArchitecture(
            image: image, patch: patchify.shape[2], embedding: patchify.shape[0],
            encoderDepth: count("encoder.transformer."), encoderHeads: heads.encoder,
            decoderDepth: count("decoder.transformer."), decoderHeads: heads.decoder)
    }

    func readClassifier(_ image: ImageShape, _ heads: Int?) throws(ImportError) -> ClassifierArchitecture {
        if let first = rows("net.0.weight"), let classes = rows("net.11.weight") {
            return .conv3(image: image, classes: classes, width: first)
        }
        if let hidden = rows("linear1.weight"), let classes = rows("linear3.weight") {
            return .mlp(image: image, classes: classes, hidden: hidden)
        }
        if let classes = rows("fc.weight"), let first = state["conv1.weight"] {
            return .resnet(image: image, classes: classes, sizes: try readResidual(first))
        }
        if let classes = rows("head.weight"), let patchify = state["patchify.weight"],
            patchify.shape.count == 4
        {
            guard let heads else { throw .headsUnknown(path: path) }
            let sizes = VisionTransformerSizes(
                patch: patchify.shape[2], embedding: patchify.shape[0], depth: count("transformer."),
                heads: heads, pool: state["cls_token"] == nil ? .mean : .token)
            return .vit(image: image, classes: classes, sizes: sizes)
        }
        throw unknown(
            "it is neither Conv3 (“net.0.weight”), an MLP (“linear1.weight”), a ResNet (“conv1.weight”, “fc.weight”) "
                + "nor a vision transformer (“patchify.weight”, “head.weight”)")
    }

    func readDetector(_ image: ImageShape) throws(ImportError) -> PerturbationDetectorArchitecture {
        guard let width = rows("features.0.weight"), state["output.weight"] != nil else {
            throw unknown("a perturbation detector has “features.0.weight” and “output.weight”")
        }
        let layers = state.keys.count { $0.hasPrefix("features.") && $0.hasSuffix(".weight") }
        // Two convolutions at full size, one at each further one.
        return PerturbationDetectorArchitecture(image: image, width: width, stages: max(1, layers - 1))
    }

    private func readResidual(_ first: Tensor) throws(ImportError) -> ResNetSizes {
        if state["layer1.0.conv3.weight"] != nil {
            throw .unknown(
                path: path, reason: "it is a ResNet of bottleneck blocks; only basic blocks are read")
        }
        guard first.shape.count == 4, first.shape[2] == first.shape[3],
            let stem: ResNetSizes.Stem = [3: .cifar, 7: .imagenet][first.shape[2]]
        else {
            throw .unknown(
                path: path, reason: "“conv1.weight” has shape \(first.shape), not a window of 3x3 or 7x7")
        }
        let blocks = (1...count("layer")).map { count("layer\($0).") }
        return ResNetSizes(blocks: blocks, width: first.shape[0], stem: stem)
    }

    private func rows(_ name: String) -> Int? { state[name].flatMap(\.shape.first) }

    /// One more than the largest number that follows a beginning, at most a bound that no network reaches; layers are
    /// counted from 1 where no point comes before the number.
    private func count(_ beginning: String) -> Int {
        let numbers = state.keys.filter { $0.hasPrefix(beginning) }.compactMap { name in
            Int(name.dropFirst(beginning.count).prefix { $0 != "." })
        }
        let most = min(max(numbers.max() ?? -1, -1), 1 << 16)
        return beginning.hasSuffix(".") ? most + 1 : max(most, 1)
    }

    private func unknown(_ reason: String) -> ImportError {
        let names = state.keys.sorted().prefix(5).joined(separator: ", ")
        return .unknown(path: path, reason: "\(reason); it begins with \(names.isEmpty ? "nothing" : names)")
    }
}
