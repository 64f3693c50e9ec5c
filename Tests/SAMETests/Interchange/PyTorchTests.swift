import Foundation
import Neural
import SAME
import Tensor
import Testing

/// PyTorch beside this program, both ways. Runs where a Python with torch is found: the one that SAMEGATE_TORCH names, or
/// python3; SAMEGATE_TORCH=install makes an environment and fetches torch. Elsewhere ReferenceTests' dumps stand in.
@Suite struct PyTorchTests {
    @Test(
        "PyTorch's weights give its results here, and ours load strictly there and give ours",
        .enabled(if: Python.isThere, "there is no Python with torch and safetensors"))
    func bothWays() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "interchange-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let python = try Python.find(in: folder)
        let encoder = JSONEncoder()
        try encoder.encode(Self.cases).write(to: folder.appending(path: "cases.json"))
        try python.run("make", folder)
        for (name, network) in Self.cases {
            try compare(name, network, folder)
            try export(name, network, folder)
        }
        try python.run("check", folder)
    }

    @Test(
        "train-gpu.py trains networks that are imported as they are, and leaves what calibrates them",
        .enabled(if: Python.isThere, "there is no Python with torch and safetensors"))
    func trainGPU() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "train-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let python = try Python.find(in: folder)
        let images = folder.appending(path: "images.npy").path,
            answers = folder.appending(path: "answers.npy").path
        let data = """
            import numpy; g = numpy.random.default_rng(1); y = g.random((60, 4)).astype("f4")
            numpy.save("\(images)", g.integers(0, 256, (60, 16, 16, 3), "u1"))
            numpy.save("\(answers)", y / y.sum(1, keepdims=True))
            """
        try #require(try python.status(["-c", data]) == 0)
        let output = folder.appending(path: "trained")
        let sizes = [
            "--epochs", "1", "--auxiliary-epochs", "1", "--holdout", "20", "--batch", "16",
            "--perturbation-steps", "3",
        ]
        try #require(
            try python.status(
                [Python.script("train-gpu.py"), "--images", images, "--answers", answers, "--device", "cpu"]
                    + ["--output", output.path, "--auxiliary", "resnet18", "--auxiliary-width", "2"] + sizes)
                == 0)
        let image = ImageShape(channels: 3, height: 16, width: 16)
        let mae = try ForeignWeights(contentsOf: output.appending(path: "mae.safetensors").path)
        #expect(try mae.autoencoder(image: image).architecture.patch == 4)
        let auxiliary = try ForeignWeights(contentsOf: output.appending(path: "auxiliary.safetensors").path)
        let wanted = ClassifierArchitecture.resnet(
            image: image, classes: 4, sizes: .resnet18(stem: .cifar, width: 2))
        #expect(try auxiliary.classifier(image: image).architecture == wanted)
        let detector = try ForeignWeights(contentsOf: output.appending(path: "perturbation.safetensors").path)
        #expect(try detector.detector(image: image).architecture.width == 8)
        let held = try Safetensors(contentsOf: output.appending(path: "calibration-answers.safetensors").path)
        #expect(held.tensors["answers"]?.shape == [20, 4] && held.metadata["format"] == "samegate-answers")
    }

    private enum Network: Encodable {
        case autoencoder(MaskedAutoencoderArchitecture)
        case classifier(ClassifierArchitecture)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .autoencoder(let sizes): try container.encode(["autoencoder": sizes])
            case .classifier(let architecture): try container.encode(["classifier": architecture])
            }
        }

        var image: ImageShape {
            switch self {
            case .autoencoder(let sizes): sizes.image
            case .classifier(let architecture): architecture.image
            }
        }
    }

    private static let cases: [String: Network] = [
        "mae": .autoencoder(
            MaskedAutoencoderArchitecture(
                image: ImageShape(channels: 3, height: 12, width: 20), patch: 4, embedding: 24,
                encoderDepth: 2,
                encoderHeads: 3, decoderDepth: 1, decoderHeads: 3)),
        "conv3": .classifier(
            .conv3(image: ImageShape(channels: 1, height: 28, width: 22), classes: 10, width: 6)),
        "mlp": .classifier(.mlp(image: ImageShape(channels: 2, height: 6, width: 5), classes: 4, hidden: 17)),
        "cifar": .classifier(
            .resnet(
                image: ImageShape(channels: 3, height: 32, width: 32), classes: 10,
                sizes: .resnet18(stem: .cifar, width: 8))),
        "imagenet": .classifier(
            .resnet(
                image: ImageShape(channels: 3, height: 64, width: 56), classes: 7,
                sizes: .resnet34(stem: .imagenet, width: 4))),
        "token": .classifier(
            .vit(
                image: ImageShape(channels: 3, height: 12, width: 20), classes: 5,
                sizes: VisionTransformerSizes(patch: 4, embedding: 24, depth: 2, heads: 3, pool: .token))),
        "mean": .classifier(
            .vit(
                image: ImageShape(channels: 1, height: 8, width: 8), classes: 5,
                sizes: VisionTransformerSizes(patch: 2, embedding: 15, depth: 1, heads: 3, pool: .mean))),
    ]

    private func results(_ network: Network, _ path: String?, _ images: Tensor) throws -> (Tensor, [UInt8]) {
        let workspace = Workspace()
        var generator = RandomGenerator(seed: 31)
        let weights = try path.map { try ForeignWeights(contentsOf: $0) }
        switch network {
        case .autoencoder(let sizes):
            let model =
                try weights?.autoencoder(image: sizes.image, heads: (3, 3))
                ?? MaskedAutoencoder(sizes, generator: &generator)
            return (model.reconstruct(images, workspace: workspace), try Safetensors(model).bytes)
        case .classifier(let architecture):
            let model =
                try weights?.classifier(image: architecture.image, heads: architecture.heads)
                ?? Classifier(architecture, generator: &generator)
            #expect(model.architecture == architecture)
            return (model.logits(images, workspace: workspace), try Safetensors(model).bytes)
        }
    }

    private func compare(_ name: String, _ network: Network, _ folder: URL) throws {
        let dump = try Safetensors(contentsOf: folder.appending(path: "\(name).results.safetensors").path)
            .tensors
        let (images, wanted) = (try #require(dump["images"]), try #require(dump["results"]))
        let (found, _) = try results(
            network, folder.appending(path: "\(name).torch.safetensors").path,
            images.reshaped([images.rows, images.rowCount]))
        let largest = wanted.values.map(abs).max() ?? 1
        let error = zip(found.values, wanted.values).map { abs($0 - $1) }.max() ?? .infinity
        #expect(found.count == wanted.count && error <= 1e-5 * largest, "\(name): \(error) of \(largest)")
    }

    private func export(_ name: String, _ network: Network, _ folder: URL) throws {
        var generator = RandomGenerator(seed: 32)
        let images = Tensor.random([5, network.image.count], &generator)
        let (found, bytes) = try results(network, nil, images)
        try Data(bytes).write(to: folder.appending(path: "\(name).samegate.safetensors"))
        try Safetensors(tensors: ["images": images, "results": found])
            .write(to: folder.appending(path: "\(name).computed.safetensors").path)
    }
}

/// A Python that has torch.
private struct Python {
    let executable: String

    private static let named = ProcessInfo.processInfo.environment["SAMEGATE_TORCH"]

    /// Whether there is one to use, or one is named that should be.
    static let isThere =
        named != nil || (try? Python(executable: "python3").status(["-c", test])) == 0
    private static let test = "import torch, safetensors.torch"

    /// The Python to use.
    static func find(in folder: URL) throws -> Python {
        if named == "install" { return try install(in: folder.appending(path: "environment").path) }
        let python = Python(executable: named ?? "python3")
        let has = try python.status(["-c", test]) == 0
        try #require(has, "SAMEGATE_TORCH names a Python with torch and safetensors")
        return python
    }

    private static func install(in path: String) throws -> Python {
        let python = Python(executable: path + "/bin/python")
        #expect(try Python(executable: "python3").status(["-m", "venv", path]) == 0)
        #expect(try python.status(["-m", "pip", "install", "-q", "torch", "numpy", "safetensors"]) == 0)
        return python
    }

    func run(_ mode: String, _ folder: URL) throws {
        let script = Self.script("check-interchange.py")
        #expect(try status([script, mode, folder.path]) == 0, "check-interchange.py \(mode)")
    }

    /// A script of the repository.
    static func script(_ name: String) -> String {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.appending(path: "Scripts/\(name)").path
    }

    func status(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [executable] + arguments
        // No byte code beside the sources.
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) {
            $1
        }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
