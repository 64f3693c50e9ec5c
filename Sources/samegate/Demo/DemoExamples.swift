import Foundation

/// Queries left on disk, and the lines to send them with.
struct DemoExamples {
    /// What is printed while the demonstration keeps running.
    let text: String

    /// Writes one body of each kind, and one that was challenged, into `folder`.
    init(folder: String, _ stage: DemoStage, _ measurement: DemoMeasurement, _ traffic: DemoTraffic) throws {
        let url = stage.gateway + DemoStage.target
        var lines = ["everything keeps running until Ctrl-C; try:"]
        for kind in DemoTraffic.Kind.allCases {
            guard let body = traffic.bodies[kind]?.first else { continue }
            let file = try Self.write(body, "\(folder)/\(kind.rawValue).json")
            lines += ["", "  # \(kind.title)", "  curl -s -d @\(file) \(url)"]
        }
        if let body = measurement.challengedBody(traffic) {
            let file = try Self.write(body, "\(folder)/challenged.json")
            let program = CommandLine.arguments.first ?? "samegate"
            let send = "curl -s -d @\(file) \(url)"
            lines += [
                "", "  # an answer that is withheld until work is proved, and the proof", "  \(send)",
                "  \(send) -H \"Samegate-Proof: $(\(send) | \(program) solve)\"",
            ]
        }
        lines += ["", "  # metrics, every decision", "  curl -s http://\(stage.admin)/metrics"]
        lines += ["  tail -f \(stage.decisionLog)"]
        text = lines.joined(separator: "\n")
    }

    private static func write(_ body: [UInt8], _ file: String) throws -> String {
        try Data(body).write(to: URL(fileURLWithPath: file))
        return file
    }
}
