import Foundation

/// Queries left on disk, and the lines to send them with.
struct DemoExamples {
    /// What is printed while the demonstration keeps running.
    let text: String

    /// Writes one body of each kind into `folder`.
    init(folder: String, _ stage: DemoStage, _ traffic: DemoTraffic) throws {
        var lines = ["everything keeps running until Ctrl-C; try:"]
        let url = stage.gateway + DemoStage.target
        for kind in DemoTraffic.Kind.allCases {
            guard let body = traffic.bodies[kind]?.first else { continue }
            let file = "\(folder)/\(kind.rawValue).json"
            try Data(body).write(to: URL(fileURLWithPath: file))
            lines.append(
                "  curl -s -d @\(file) \(url)".padding(toLength: 78, withPad: " ", startingAt: 0)
                    + "  # \(kind.title)")
        }
        lines.append("  tail -f \(stage.decisionLog)")
        lines.append("  # pay for an answer that was withheld (a 428):")
        lines.append("  samegate solve < problem.json   # prints the Samegate-Proof header's value")
        text = lines.joined(separator: "\n")
    }
}
