import Foundation
import Neural
import SAME
import Tensor
import TestSupport
import Testing

@Suite("Model bundle")
struct ModelBundleTests {
    /// One way to damage a written bundle, and what loading must say of it.
    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let damage: @Sendable (ScratchFolder) throws -> Void
        let accepts: @Sendable (BundleError) -> Bool

        init(
            _ description: String, _ damage: @escaping @Sendable (ScratchFolder) throws -> Void,
            accepts: @escaping @Sendable (BundleError) -> Bool
        ) {
            testDescription = description
            self.damage = damage
            self.accepts = accepts
        }
    }

    /// Changes the manifest as text.
    private static func edit(_ folder: ScratchFolder, _ old: String, _ new: String) throws {
        let text = String(decoding: try folder.bytes("b/manifest.json"), as: UTF8.self)
        try #require(text.contains(old), "the manifest has no \(old)")
        try folder.write(Array(text.replacingOccurrences(of: old, with: new).utf8), to: "b/manifest.json")
    }

    static let damages: [Damage] = [
        Damage("no manifest") {
            try FileManager.default.removeItem(atPath: $0.file("b/manifest.json"))
        } accepts: {
            if case .file(.unreadable(let path, _)) = $0 { path.hasSuffix("manifest.json") } else { false }
        },
        Damage("a manifest cut in half") { folder in
            let bytes = try folder.bytes("b/manifest.json")
            try folder.write(Array(bytes.prefix(bytes.count / 2)), to: "b/manifest.json")
        } accepts: {
            if case .malformed = $0 { true } else { false }
        },
        Damage("another format") {
            try edit($0, "\"samegate-bundle\"", "\"other\"")
        } accepts: {
            if case .wrongFormat(_, "other", _) = $0 { true } else { false }
        },
        Damage("a version of the future") {
            try edit($0, "\"version\" : 1", "\"version\" : 2")
        } accepts: {
            if case .unknownVersion(_, 2, 1) = $0 { true } else { false }
        },
        Damage("a field too few") {
            try edit($0, "\n  \"classes\" : 3,", "")
        } accepts: {
            if case .missingField(_, "classes") = $0 { true } else { false }
        },
        Damage("a field too many") {
            try edit($0, "\n  \"classes\" : 3,", "\n  \"classes\" : 3, \"extra\": 1,")
        } accepts: {
            if case .unexpectedField(_, "extra") = $0 { true } else { false }
        },
        Damage("a field too many inside") {
            try edit($0, "\"encoderDepth\" : 1,", "\"encoderDepth\" : 1, \"dropout\": 0,")
        } accepts: {
            if case .unexpectedField(_, "autoencoder.dropout") = $0 { true } else { false }
        },
        Damage("a text where a number belongs") {
            try edit($0, "\"classes\" : 3", "\"classes\" : \"3\"")
        } accepts: {
            if case .malformed(_, let reason) = $0 { reason.contains("classes") } else { false }
        },
        Damage("another number of classes") {
            try edit($0, "\n  \"classes\" : 3,", "\n  \"classes\" : 4,")
        } accepts: {
            if case .inconsistent = $0 { true } else { false }
        },
        Damage("another architecture than the weights'") {
            try edit($0, "\"embedding\" : 16", "\"embedding\" : 32")
        } accepts: {
            if case .weights(let file, _) = $0 { file.hasSuffix("mae.safetensors") } else { false }
        },
        Damage("an architecture that no network has") {
            try edit($0, "\"patch\" : 4", "\"patch\" : 5")
        } accepts: {
            if case .inconsistent(_, let reason) = $0 { reason.contains("patch") } else { false }
        },
        Damage("an autoencoder of a hundred gigabytes") {
            try edit($0, "\"encoderDepth\" : 1", "\"encoderDepth\" : 64")
            try edit($0, "\"embedding\" : 16", "\"embedding\" : 4096")
        } accepts: {
            if case .weights(_, let reason) = $0 { reason.contains("parameters") } else { false }
        },
        Damage("a calibration that does not ascend") {
            try edit($0, "\"tailScale\" : ", "\"tailScale\" : -")
        } accepts: {
            if case .inconsistent(_, let reason) = $0 { reason.contains("calibration") } else { false }
        },
        Damage("weights missing") {
            try FileManager.default.removeItem(atPath: $0.file("b/mae.safetensors"))
        } accepts: {
            if case .file(.unreadable(let path, _)) = $0 { path.hasSuffix("mae.safetensors") } else { false }
        },
        Damage("weights cut short") { folder in
            try folder.write(
                try folder.bytes("b/auxiliary.safetensors").dropLast(7), to: "b/auxiliary.safetensors")
        } accepts: {
            if case .sizeMismatch(let file, _, _) = $0 {
                file.hasSuffix("auxiliary.safetensors")
            } else {
                false
            }
        },
        Damage("one bit of the weights flipped") { folder in
            var bytes = try folder.bytes("b/mae.safetensors")
            bytes[bytes.count - 100] ^= 1
            try folder.write(bytes, to: "b/mae.safetensors")
        } accepts: {
            $0.description.contains("SHA-256")
        },
        Damage("a folder where the weights belong") { folder in
            try FileManager.default.removeItem(atPath: folder.file("b/mae.safetensors"))
            try FileManager.default.createDirectory(
                atPath: folder.file("b/mae.safetensors"), withIntermediateDirectories: false)
        } accepts: {
            if case .file(.unreadable) = $0 { true } else { false }
        },
    ]

    @Test("sizes out of bounds are told before anything is computed from them")
    func overflowingSizes() throws {
        var manifest = try Fitted.bundle().manifest
        manifest.auxiliary = .conv3(image: Fitted.image, classes: 3, width: .max / 2)
        manifest.references = ReferenceFeatures.Shape(count: 1, features: 1, neighbours: 1)
        #expect(manifest.defect?.contains("width") == true)
    }

    @Test(
        "the folder of any name is found, one of a single character too",
        arguments: ["b", "b/", "bb", "/b", "/"])
    func folders(path: String) { FileBytes.syncDirectory(holding: path) }

    @Test("a written bundle loads with the same manifest and the same weights")
    func roundTrip() throws {
        let folder = try ScratchFolder()
        let bundle = try Fitted.bundle()
        try bundle.write(to: folder.file("b"))
        let loaded = try ModelBundle(contentsOf: folder.file("b/"))
        #expect(loaded.manifest.calibration == bundle.manifest.calibration)
        #expect(loaded.manifest.provenance == bundle.manifest.provenance)
        #expect(loaded.autoencoder.stateDict == bundle.autoencoder.stateDict)
        #expect(loaded.auxiliary.stateDict == bundle.auxiliary.stateDict)
    }

    @Test(
        "a perturbation detector is written and loaded with the bundle, and without one no byte speaks of it")
    func detector() throws {
        let folder = try ScratchFolder()
        let bundle = try Fitted.bundle(detects: true)
        try bundle.write(to: folder.file("b"))
        let loaded = try ModelBundle(contentsOf: folder.file("b"))
        #expect(loaded.detector?.stateDict == bundle.detector?.stateDict)
        #expect(loaded.manifest.perturbation == bundle.manifest.perturbation)
        let images = Fitted.images(3, seed: 4)
        let workspace = Scorer.makeWorkspace()
        let examined = Scorer(loaded).examine(images, workspace: workspace)
        #expect(examined == Scorer(bundle).examine(images, workspace: workspace))
        #expect(examined.allSatisfy { $0.perturbation != nil })
        try Fitted.bundle().write(to: folder.file("plain"))
        #expect(
            !String(decoding: try folder.bytes("plain/manifest.json"), as: UTF8.self).contains("perturbation")
        )
        #expect(try ModelBundle(contentsOf: folder.file("plain")).detector == nil)
    }

    @Test(
        "a score with a perturbation term and no detector contradicts itself, and so does a detector's stray file"
    )
    func detectorMissing() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle(detects: true).write(to: folder.file("b"))
        let text = String(decoding: try folder.bytes("b/manifest.json"), as: UTF8.self)
        let start = try #require(text.range(of: "  \"perturbation\" : {\n"))
        let end = try #require(text.range(of: "\n  },\n", range: start.upperBound..<text.endIndex))
        try folder.write(
            Array(text.replacingCharacters(in: start.lowerBound..<end.upperBound, with: "").utf8),
            to: "b/manifest.json")
        let error = #expect(throws: BundleError.self) { try ModelBundle(contentsOf: folder.file("b")) }
        #expect(error?.description.contains("detector") == true)
    }

    @Test("references and the masked pass are written and loaded with the bundle, and measure the same")
    func comparisons() throws {
        let folder = try ScratchFolder()
        let bundle = try Fitted.bundle(compares: true)
        try bundle.write(to: folder.file("b"))
        let loaded = try ModelBundle(contentsOf: folder.file("b"))
        #expect(loaded.statistics == bundle.statistics && loaded.statistics != nil)
        #expect(loaded.frames == bundle.frames && loaded.frames != nil)
        #expect(loaded.references == bundle.references && loaded.manifest.maskedPass?.ratio == 0.5)
        #expect(loaded.manifest.calibration == bundle.manifest.calibration)
        #expect(loaded.manifest.calibration.confident != nil)
        let images = Fitted.images(3, seed: 4)
        let workspace = Scorer.makeWorkspace()
        let examined = Scorer(loaded).examine(images, workspace: workspace)
        #expect(examined == Scorer(bundle).examine(images, workspace: workspace))
        #expect(examined.allSatisfy { $0.maskedLoss != nil && $0.neighbour != nil })
        #expect(examined.allSatisfy { $0.statistics != nil && $0.frame != nil })
        try Fitted.bundle().write(to: folder.file("plain"))
        let plain = String(decoding: try folder.bytes("plain/manifest.json"), as: UTF8.self)
        #expect(
            !["references", "statistics", "frame", "maskedPass", "confident", "expectedMasked"].contains(
                where: plain.contains))
    }

    @Test(
        "references that the manifest does not describe, or are none, are refused",
        arguments: [
            ("\"neighbours\" : 2", "\"neighbours\" : 21", "neighbour"),
            ("\"neighbours\" : 2", "\"neighbours\" : 0", "neighbour"),
            ("\"features\" : 8", "\"features\" : 9", "features"),
            ("\"ratio\" : 0.5", "\"ratio\" : 1.5", "masked pass"),
            ("\"ratio\" : 0.5", "\"ratio\" : 0.99", "visible"),
            ("\"count\" : 20", "\"count\" : 21", "references.safetensors"),
            ("\"count\" : 30", "\"count\" : 31", "statistics.safetensors"),
            ("\"count\" : 30", "\"count\" : 0", "1 to"),
            ("\"neighbours\" : 3", "\"neighbours\" : 0", "references of plain statistics"),
            ("\"statistics\" : 15", "\"statistics\" : 16", "15 numbers"),
            ("\"statistics\" : 2", "\"statistics\" : 3", "the frame"),
        ])
    func damagedComparisons(old: String, new: String, word: String) throws {
        let folder = try ScratchFolder()
        try Fitted.bundle(compares: true).write(to: folder.file("b"))
        let text = String(decoding: try folder.bytes("b/manifest.json"), as: UTF8.self)
        #expect(text.contains(old))
        try folder.write(Array(text.replacingOccurrences(of: old, with: new).utf8), to: "b/manifest.json")
        let error = #expect(throws: BundleError.self) { try ModelBundle(contentsOf: folder.file("b")) }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }

    @Test("a file of reference statistics with others than the manifest's, or no numbers, is refused")
    func strangeStatistics() {
        let shape = ReferenceStatistics.Shape(count: 2, statistics: 2, neighbours: 1)
        let tensor = { (values: [Float]) in Tensor(shape: [values.count], values: values) }
        func make(_ means: [Float], _ deviations: [Float], _ points: [Float]) throws {
            let points = Tensor(shape: [points.count / 2, 2], values: points)
            _ = try ReferenceStatistics(
                shape, .frame,
                state: ["means": tensor(means), "deviations": tensor(deviations), "points": points])
        }
        #expect(throws: Never.self) { try make([0, 1], [1, 2], [0, 0, 1, 1]) }
        let other = ReferenceStatisticsError.otherShape(shape)
        #expect(throws: other) { try make([0, 1], [1, 2], [0, 0, 1, 1, 2, 2]) }
        #expect(throws: other) { try make([0, 1, 2], [1, 2], [0, 0, 1, 1]) }
        #expect(throws: other) { try ReferenceStatistics(shape, .frame, state: [:]) }
        let numbers = ReferenceStatisticsError.notNumbers
        #expect(throws: numbers) { try make([0, .nan], [1, 2], [0, 0, 1, 1]) }
        #expect(throws: numbers) { try make([0, 1], [1, 0], [0, 0, 1, 1]) }
        #expect(throws: numbers) { try make([0, 1], [1, 2], [0, 0, .infinity, 1]) }
    }

    @Test("a file of references that are no unit vectors is refused with the row")
    func longReferences() {
        let shape = ReferenceFeatures.Shape(count: 2, features: 2, neighbours: 1)
        let tensor = Tensor(shape: [2, 2], values: [1, 0, 1, 1])
        #expect(throws: ReferenceError.notUnit(row: 1)) {
            try ReferenceFeatures(shape, state: ["features": tensor])
        }
        #expect(throws: ReferenceError.otherShape(shape)) { try ReferenceFeatures(shape, state: [:]) }
    }

    @Test("the same models give the same bytes")
    func repeatable() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("a"))
        try Fitted.bundle().write(to: folder.file("b"))
        for name in ["manifest.json", "mae.safetensors", "auxiliary.safetensors"] {
            #expect(try folder.bytes("a/" + name) == folder.bytes("b/" + name))
        }
    }

    @Test("a damaged bundle is refused with the file and the reason", arguments: damages)
    func damaged(damage: Damage) throws {
        let folder = try ScratchFolder()
        try Fitted.bundle().write(to: folder.file("b"))
        try damage.damage(folder)
        let error = #expect(throws: BundleError.self) { try ModelBundle(contentsOf: folder.file("b")) }
        #expect(error.map(damage.accepts) == true, "\(error.map(\.description) ?? "nothing thrown")")
        #expect(error?.description.contains(folder.path) == true)
    }

    @Test("writing replaces a bundle and leaves nothing beside it")
    func replaces() throws {
        let folder = try ScratchFolder()
        try Fitted.bundle(seed: 1).write(to: folder.file("b"))
        try Fitted.bundle(seed: 2).write(to: folder.file("b"))
        #expect(try ModelBundle(contentsOf: folder.file("b")).manifest.provenance.seed == 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["b"])
    }

    @Test("a variance below 0 is refused with the tensor's name")
    func negativeVariance() throws {
        let folder = try ScratchFolder()
        var generator = RandomGenerator(seed: 2)
        let sizes = ResNetSizes(blocks: [1], width: 4, stem: .cifar)
        let auxiliary = try Classifier(
            .resnet(image: Fitted.image, classes: 3, sizes: sizes), generator: &generator)
        let fitted = try Fitted.bundle()
        var manifest = fitted.manifest
        manifest.auxiliary = auxiliary.architecture
        let bundle = ModelBundle(
            manifest: manifest, autoencoder: fitted.autoencoder, auxiliary: auxiliary)
        try bundle.write(to: folder.file("b"))
        _ = try ModelBundle(contentsOf: folder.file("b"))
        let variance = try #require(auxiliary.parameters.first { $0.name.hasSuffix("running_var") })
        variance.values[1] = -1e-3
        try bundle.write(to: folder.file("b"))
        let error = #expect(throws: BundleError.self) { try ModelBundle(contentsOf: folder.file("b")) }
        guard case .weights(let file, let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(file.hasSuffix("auxiliary.safetensors") && reason.contains(variance.name))
    }

    @Test("a disk that cannot be written keeps the old bundle")
    func unwritable() throws {
        // /dev/full stands for a full disk: every write to it fails with ENOSPC.
        let error = #expect(throws: FileError.self) { try FileBytes.write([1, 2, 3], to: "/dev/full") }
        #expect(error?.description.contains("No space left on device") == true)
        let missing = #expect(throws: BundleError.self) { try Fitted.bundle().write(to: "/proc/samegate/b") }
        if case .file(.unwritable)? = missing {} else { Issue.record("\(String(describing: missing))") }
    }
}
