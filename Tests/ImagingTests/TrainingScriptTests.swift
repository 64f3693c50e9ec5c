import Foundation
import Testing

@testable import Imaging

/// What Scripts/train-gpu.py learns is judged by this decoder, so it has to see the same pictures. Runs where python3 has numpy
/// and pillow; torch is stood in for.
@Suite("The training script's pictures")
struct TrainingScriptTests {
    @Test(
        "train-gpu.py reads every kind of PNG to the samples that are read here, transparency over white",
        .enabled(if: Script.hasPillow, "there is no python3 with numpy and pillow"))
    func pictures() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pictures-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in Fixture.pngNames {
            try Data(Fixture.bytes(name)).write(to: folder.appending(path: name))
        }
        try #require(try Script.run(Script.reading, [Script.path, folder.path]) == 0)
        for name in Fixture.pngNames {
            let read = try [UInt8](Data(contentsOf: folder.appending(path: name + ".read")))
            #expect(read == (try Fixture.expected(name).flattened().samples), "\(name)")
        }
    }
}

/// The script, read by Python without running it.
private enum Script {
    static let path = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Scripts/train-gpu.py").path

    static let hasPillow = (try? run("import numpy, PIL", [])) == 0

    /// Writes what `read_pictures` makes of each PNG of a folder beside it, channels last.
    static let reading = """
        import importlib.util, pathlib, sys
        from unittest.mock import MagicMock

        for name in ("torch", "torch.nn", "torch_models", "torch_perturbation", "safetensors", "safetensors.numpy"):
            sys.modules[name] = MagicMock()
        sys.modules["safetensors.torch"] = MagicMock()
        spec = importlib.util.spec_from_file_location("script", sys.argv[1])
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        for path in sorted(pathlib.Path(sys.argv[2]).glob("*.png")):
            pictures = script.read_pictures(path, [path])
            pathlib.Path(f"{path}.read").write_bytes(pictures[0].transpose(1, 2, 0).tobytes())
        """

    static func run(_ program: String, _ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program] + arguments
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
