import Client
import Foundation
import HTTPWire
import Service
import Settings
import Transport

/// The victim and the gateway, each a process of its own, which ends with this one however that ends.
final class DemoStage {
    /// Base URLs.
    let victim: String
    let gateway: String
    /// Where the gateway's side door listens.
    let admin: String
    /// The gateway's configuration and decision log.
    let configuration: String
    let decisionLog: String
    let victimEndpoint: Endpoint
    let gatewayEndpoint: Endpoint
    /// The predict call on both.
    static let target = "/v1/models/fashion:predict"

    private var processes: [Process] = []

    /// Starts both and waits until they answer. **Throws** `DemoError` when one does not come up.
    init(folder: String, model: String, bundle: String, config: String, gatewayPort: UInt16) throws {
        let victimProcess = try DemoStage.launch([
            "victim", "--model", model, "--name", "fashion", "--listen", "127.0.0.1:0",
        ])
        processes.append(victimProcess.process)
        victimEndpoint = try DemoStage.announced(victimProcess)
        let port = gatewayPort == 0 ? try DemoStage.freePort() : gatewayPort
        gatewayEndpoint = try Endpoint(parsing: "127.0.0.1:\(port)")
        admin = "127.0.0.1:\(try DemoStage.freePort())"
        configuration = folder + "/samegate.yaml"
        decisionLog = folder + "/decisions.jsonl"
        victim = "http://\(victimEndpoint)"
        gateway = "http://\(gatewayEndpoint)"
        let text = try DemoConfiguration.text(
            basedOn: config, listen: "\(gatewayEndpoint)", admin: admin, upstream: victim,
            bundle: URL(fileURLWithPath: bundle).path, log: decisionLog, key: folder + "/samegate.key")
        try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
        processes.append(try DemoStage.launch(["serve", "--config", configuration]).process)
        try waitUntilServing()
    }

    deinit { stop() }

    /// Ends both and waits for them; one that does not end in time is killed. May be called more than once.
    func stop() {
        for process in processes.reversed() where process.isRunning { process.terminate() }
        let deadline = ContinuousClock.now + .seconds(60)
        for process in processes {
            while process.isRunning, ContinuousClock.now < deadline { usleep(10_000) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
        }
        processes = []
    }

    // MARK: Processes

    private struct Launched {
        let process: Process
        let output: FileHandle
    }

    private static func launch(_ arguments: [String]) throws -> Launched {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        // Each has a process group of its own: a Ctrl-C at the terminal is for this process alone.
        process.environment = ProcessInfo.processInfo.environment.merging(
            [Parent.variable: "\(getpid())"]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return Launched(process: process, output: pipe.fileHandleForReading)
    }

    /// The address a child prints as `listening ADDRESS`.
    private static func announced(_ child: Launched) throws -> Endpoint {
        var text = ""
        while !text.contains("\n") {
            let data = child.output.availableData
            guard !data.isEmpty else { throw DemoError(description: "the victim's process ended: see above") }
            text += String(decoding: data, as: UTF8.self)
        }
        guard let line = text.split(separator: "\n").first, line.hasPrefix("listening ") else {
            throw DemoError(description: "the victim said “\(text)” instead of its address")
        }
        return try Endpoint(parsing: String(line.dropFirst("listening ".count)))
    }

    private static func freePort() throws -> UInt16 {
        guard let any = SocketAddress(host: "127.0.0.1", port: 0) else { return 8080 }
        return try Listener(binding: any).localAddress.port
    }

    private func waitUntilServing() throws {
        let client = HTTPClient(gatewayEndpoint, timeout: .seconds(2))
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if let answer = try? client.send(.get, "/v1/models/fashion"), answer.status == 200 { return }
            guard processes.allSatisfy(\.isRunning) else {
                throw DemoError(description: "the gateway's process ended: see above")
            }
            usleep(20_000)
        }
        throw DemoError(description: "the gateway does not answer at \(gateway)")
    }
}
