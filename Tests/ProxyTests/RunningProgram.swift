import Foundation
import Glibc

/// Another program that runs beside a test, and ends with it whatever it thinks of signals. What it prints goes nowhere but to
/// `output`: an inherited one would keep the test run's own output open.
final class RunningProgram {
    private let process = Process()

    /// What tests run where it is there; `Scripts/setup --test` installs both.
    static let haproxy = "/usr/sbin/haproxy"
    static let nginx = "/usr/sbin/nginx"

    /// Whether there is such a program.
    static func isThere(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }

    init(_ path: String, _ arguments: [String], output: Pipe? = nil) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    deinit { stop() }
}
