import ArgumentParser
import Foundation
import Neural
import SAME

/// `samegate bundle`: what is in a bundle, and its way from and to PyTorch.
struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Show a bundle; import its networks from PyTorch, or export them.",
        subcommands: [
            BundleShowCommand.self, BundleImportCommand.self, BundleExportCommand.self,
            BundleMeasureCommand.self,
        ])
}

/// `samegate bundle export`: a bundle's networks under PyTorch's names.
struct BundleExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a bundle's networks as safetensors that PyTorch loads.",
        discussion: """
            Names and shapes are those of the paper's PyTorch code and of torchvision: \
            module.load_state_dict(safetensors.torch.load_file(FILE)) takes them unchanged. The architectures are in the \
            files' metadata, and `bundle import` reads them back.
            """)

    @Option(help: ArgumentHelp("The bundle to read.", valueName: "directory"))
    var bundle: String
    @Option(help: ArgumentHelp("Where to write the masked autoencoder.", valueName: "file"))
    var mae: String
    @Option(help: ArgumentHelp("Where to write the auxiliary model.", valueName: "file"))
    var auxiliary: String
    @Option(
        help: ArgumentHelp(
            "Where to write the detector of small perturbations, which not every bundle has.",
            valueName: "file"))
    var perturbation: String?

    private var files: [String] { [mae, auxiliary] + (perturbation.map { [$0] } ?? []) }

    func validate() throws {
        guard Set(files).count == files.count else {
            throw ValidationError("each network needs a file of its own")
        }
    }

    func run() throws {
        do {
            let bundle = try ModelBundle(contentsOf: bundle)
            var networks = [try Safetensors(bundle.autoencoder), try Safetensors(bundle.auxiliary)]
            if perturbation != nil {
                guard let detector = bundle.detector else {
                    throw ValidationError("the bundle has no perturbation detector")
                }
                networks.append(try Safetensors(detector))
            }
            for (network, file) in zip(networks, files) { try network.write(to: file) }
            print("written: \(files.joined(separator: ", "))")
            if bundle.detector != nil, perturbation == nil {
                TrainSession.say(
                    "the bundle's perturbation detector was left out: --perturbation FILE writes it")
            }
        } catch {
            throw TrainSession.plain(error)
        }
    }
}

/// `samegate bundle show`: what a bundle says of itself, once it has been checked whole.
struct BundleShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Check a bundle whole and print what is in it.")

    @Argument(help: ArgumentHelp("The bundle.", valueName: "directory"))
    var bundle: String
    @Flag(help: "Print every tensor's name and shape as well.")
    var tensors = false

    func run() throws {
        do {
            let bundle = try ModelBundle(contentsOf: bundle)
            BundleText(bundle).lines.forEach { print($0) }
            guard tensors else { return }
            let detector = bundle.detector.map { [$0 as any Module] } ?? []
            for module in [bundle.autoencoder as any Module, bundle.auxiliary] + detector {
                for parameter in module.parameters {
                    print("  \(parameter.name) \(parameter.shape.map(String.init).joined(separator: "x"))")
                }
            }
        } catch {
            throw TrainSession.plain(error)
        }
    }
}

/// A bundle in words.
struct BundleText {
    private let bundle: ModelBundle

    init(_ bundle: ModelBundle) { self.bundle = bundle }

    /// One line for each thing.
    var lines: [String] {
        let manifest = bundle.manifest
        let calibration = manifest.calibration
        let terms = calibration.terms.map(Self.text).joined(separator: ", ")
        var lines = [
            "images        \(manifest.image), \(manifest.classes) classes",
            "autoencoder   \(Self.text(manifest.autoencoder))",
            "              \(Self.cost(manifest.autoencoder.parameterCount, manifest.autoencoder.flops))",
            "auxiliary     \(Self.text(manifest.auxiliary))",
            "              \(Self.cost(manifest.auxiliary.parameterCount, manifest.auxiliary.flops))",
        ]
        if let detector = manifest.perturbation {
            lines.append("perturbation  width \(detector.width), \(detector.stages) stages")
            lines.append("              \(Self.cost(detector.parameterCount, detector.flops))")
        }
        if let references = manifest.references {
            lines.append(
                "references    \(references.count) of \(references.features) features, neighbour \(references.neighbours)"
            )
        }
        if let statistics = manifest.statistics {
            lines.append(
                "statistics    \(statistics.statistics) of \(statistics.count) images, neighbour \(statistics.neighbours)"
            )
        }
        if let frame = manifest.frame {
            lines.append("frame         \(frame.count) that differ, neighbour \(frame.neighbours)")
        }
        if let pass = manifest.maskedPass {
            lines.append("masked pass   \(String(format: "%g", 100 * pass.ratio)) % of the patches hidden")
        }
        lines += [
            "score         \(Self.text(calibration.combination)) of \(terms)",
            "calibrated on \(calibration.full.sampleCount) images",
        ]
        for percentile in [95.0, 99, 99.9] {
            let score = String(format: "%.4f", calibration.threshold(percentile: percentile))
            lines.append("              p\(percentile) at \(score)")
        }
        for (name, shift) in (manifest.precisions ?? [:]).sorted(by: { $0.key < $1.key }) {
            lines.append("\(name.padding(toLength: 14, withPad: " ", startingAt: 0))\(shift.summary)")
            lines += shift.excesses.map { "              outside the tolerances: \($0)" }
        }
        lines.append("made by       \(manifest.provenance.program)")
        for (name, value) in manifest.provenance.options.sorted(by: { $0.key < $1.key }) {
            lines.append("              \(name): \(value)")
        }
        for (name, value) in manifest.provenance.results.sorted(by: { $0.key < $1.key }) {
            lines.append("              \(name) \(String(format: "%.6g", value))")
        }
        for (name, seal) in manifest.files.sorted(by: { $0.key < $1.key }) {
            lines.append("file          \(name) \(seal.bytes) bytes, SHA-256 \(seal.sha256)")
        }
        return lines
    }

    private static func text(_ a: MaskedAutoencoderArchitecture) -> String {
        "patch \(a.patch), embedding \(a.embedding), \(a.encoderDepth) + \(a.decoderDepth) blocks, "
            + "\(a.encoderHeads) and \(a.decoderHeads) heads"
    }

    private static func text(_ architecture: ClassifierArchitecture) -> String {
        switch architecture {
        case .conv3(_, _, let width): "conv3, width \(width)"
        case .mlp(_, _, let hidden): "mlp, \(hidden) hidden units"
        case .resnet(_, _, let sizes):
            "resnet, blocks \(sizes.blocks.map(String.init).joined(separator: ",")), width \(sizes.width), "
                + "stem \(sizes.stem.rawValue)"
        case .vit(_, _, let sizes):
            "vit, patch \(sizes.patch), embedding \(sizes.embedding), \(sizes.depth) blocks, \(sizes.heads) heads, "
                + "pool \(sizes.pool.rawValue)"
        }
    }

    private static func text(_ term: Calibration.Term) -> String {
        guard let voice = term.voice else { return term.term.rawValue }
        return term.term.rawValue
            + String(format: " (x %g past %.2f nats)", voice.weight, voice.floor)
    }

    private static func text(_ combination: Calibration.Combination) -> String {
        switch combination {
        case .tailSum: "tail-sum"
        case .paper(let alpha): "Eq. (6), alpha \(alpha),"
        }
    }

    private static func cost(_ parameters: Int, _ operations: Int) -> String {
        String(
            format: "%d parameters, %.1f million operations an image", parameters, 1e-6 * Double(operations))
    }
}
