import ArgumentParser
import Foundation
import Gateway
import Settings

/// `samegate check`: says everything that is wrong with a configuration, without serving.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate a configuration, its bundles and its key, without serving.",
        discussion: """
            Every mistake is printed at once, as FILE:LINE:COLUMN: error: PATH: what is wrong: those of the file, and where it \
            has none, those of the certificates and keys that it names; those of bundles in any case. Exits 0 when the gateway \
            would start (warnings are printed too), 1 otherwise. With --probe the upstreams and addresses that it names are \
            tried too, and one that does not work is a mistake.
            """)

    @Option(name: .long, help: "The configuration file.")
    var config: String?

    @Flag(
        name: .long,
        help:
            "Try every server of the upstreams (connection, certificate, health path) and every address to listen at."
    )
    var probe = false

    @Option(name: .long, help: "How long each try of --probe may take, in seconds.")
    var probeTimeout = 5.0

    @Flag(name: .long, help: "Print every value in effect, defaults included; secrets are masked.")
    var effective = false

    @Flag(name: .long, help: "Print the configuration reference as Markdown instead of checking.")
    var reference = false

    @Option(
        name: .long,
        help:
            "Ask a running gateway instead, such as http://127.0.0.1:9090/readyz; exits 0 when it answers 200."
    )
    var healthz: String?

    func validate() throws {
        guard [config != nil, reference, healthz != nil].count(where: \.self) == 1 else {
            throw ValidationError("give one of --config FILE, --healthz URL and --reference")
        }
        guard (0.01...600).contains(probeTimeout) else {
            throw ValidationError("--probe-timeout is from 0.01 to 600 seconds")
        }
        if config == nil {
            try IdleOptions.refuse(
                [("--probe", probe), ("--effective", effective)], "only with --config FILE")
        }
        if !probe { try IdleOptions.refuse([("--probe-timeout", probeTimeout != 5)], "only with --probe") }
    }

    func run() throws {
        if let healthz { return try HealthProbe(healthz).run() }
        guard let config else { return print(SettingsReference().markdown, terminator: "") }
        let file = ConfigurationFile(config)
        let loaded = try file.load()
        let assembly = try file.compile(loaded)
        let warnings =
            loaded.warnings + assembly.warnings.map { loaded.warning($0.message, at: $0.path) }
        for warning in warnings { print(warning) }
        if effective {
            for value in loaded.effective {
                print("\(value.path): \(value.value)\(value.given ? "" : "  # default")")
            }
        }
        for model in assembly.models {
            print(
                "model \(model.name): images \(model.image), \(model.classes) classes, \(model.parameters) parameters,"
                    + " calibrated on \(model.calibrationSamples) benign queries")
        }
        if let identity = assembly.identity { print(identity.text) }
        let count = warnings.count
        print("\(config): no mistakes, \(count) warning\(count == 1 ? "" : "s")")
        if probe { try tryPlaces(of: assembly) }
    }

    /// Prints a line for each place. **Throws** `ExitCode` 1 when one does not work.
    private func tryPlaces(of assembly: GatewayAssembly) throws {
        let places: [PlaceProbe]
        do {
            places = try assembly.probe(timeout: .seconds(probeTimeout))
        } catch {
            throw ConfigurationFile.refuse("nothing can be tried: \(error)")
        }
        for place in places {
            print("\(place.works ? "works " : "FAILED") \(place.path): \(place.place): \(place.finding)")
        }
        let failed = places.count { !$0.works }
        print("\(places.count - failed) of \(places.count) places work")
        if failed > 0 { throw ExitCode(1) }
    }
}

extension GatewayAssembly.IdentitySummary {
    /// One line for the operator, and one for each key that is left out.
    var text: String {
        let counts = [apiKeys.map { "\($0) API keys" }, tokenKeys.map { "\($0) keys for tokens" }]
        return
            (["identity: " + counts.compactMap { $0 }.joined(separator: ", ")]
            + ignored.map { "identity.jwt.jwks: left out: \($0)" }).joined(separator: "\n")
    }
}
