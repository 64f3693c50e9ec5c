import ArgumentParser
import Foundation
import Gateway
import Logging
import SAME
import Service
import Settings

/// A configuration file on its way to a gateway, with every problem printed before the program gives up.
struct ConfigurationFile {
    private let path: String

    init(_ path: String) { self.path = path }

    /// The validated settings. Prints every mistake, those of bundles among them, to standard error and **throws** `ExitCode` 1
    /// otherwise.
    func load() throws -> LoadedSettings {
        do {
            return try LoadedSettings(contentsOf: path, judge: Self.defect)
        } catch {
            throw Self.refuse(error.description)
        }
    }

    /// What is wrong with the bundle that the settings name at `key`; nil where nothing is, or it is no bundle's key.
    private static func defect(at key: String, _ file: String) -> String? {
        guard key.hasPrefix("models."), key.hasSuffix(".bundle") else { return nil }
        do {
            _ = try ModelBundle(contentsOf: file)
            return nil
        } catch {
            return "\(file): \(error)"
        }
    }

    /// The bundles, key, routes and policies behind the settings; **throws** as `load`.
    func compile(_ loaded: LoadedSettings) throws -> GatewayAssembly {
        do {
            return try GatewayAssembly(
                loaded.settings,
                configuration: loaded.effectiveText)
        } catch {
            let lines = error.problems.map { loaded.problem($0.message, at: $0.path).description }
            throw Self.refuse(lines.joined(separator: "\n"))
        }
    }

    /// A gateway whose listeners are bound, or inherited; `afterBinding` runs then. **Throws** as `load`.
    func assemble(
        _ loaded: LoadedSettings, log: Logger, inherited: InheritedSockets = InheritedSockets(),
        predecessor: StateStream? = nil, descriptorsMax: Int = .max,
        afterBinding: () throws -> Void = {}
    ) throws -> Gateway {
        let assembly = try compile(loaded)
        for warning in assembly.warnings {
            log.warning("\(loaded.warning(warning.message, at: warning.path))")
        }
        for model in assembly.models {
            log.info(
                "model loaded",
                metadata: [
                    "model": "\(model.name)", "image": "\(model.image)", "classes": "\(model.classes)",
                    "parameters": "\(model.parameters)", "calibrated_on": "\(model.calibrationSamples)",
                ])
        }
        do {
            return try Gateway(
                assembly, log: log, inherited: inherited, predecessor: predecessor,
                descriptorsMax: descriptorsMax, afterBinding: afterBinding)
        } catch let error as AssemblyError {
            let lines = error.problems.map { loaded.problem($0.message, at: $0.path).description }
            throw Self.refuse(lines.joined(separator: "\n"))
        } catch {
            throw Self.refuse("\(path): \(error)")
        }
    }

    /// Prints `text` to standard error; the error that ends the program with 1.
    static func refuse(_ text: String) -> ExitCode {
        FileHandle.standardError.write(Data((text + "\n").utf8))
        return ExitCode(1)
    }
}
