import CPosix
import Transport

/// Tells the service manager how the daemon is.
///
/// Source: sd_notify(3), whose protocol is one datagram of `NAME=value` lines to the socket named in `NOTIFY_SOCKET`; no
/// library is needed for it. A manager that cannot be told is not worth a failure: it has its own deadlines.
package struct Notifier: Sendable {
    private let path: String

    /// What the environment names; nil when no manager wants to be told. An address that is neither a path nor abstract
    /// (`vsock:` of a virtual machine) is not for this daemon.
    package init?(_ environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], path.utf8.count > 1,
            path.hasPrefix("/") || path.hasPrefix("@")
        else { return nil }
        self.path = path
    }

    /// It serves. `processID` is the process to watch from now on.
    package func ready(_ status: String, processID: Int32) {
        send("READY=1\nSTATUS=\(Self.line(status))\nMAINPID=\(processID)")
    }

    /// It reads its configuration again, since `now`; `ready` follows in any case.
    package func reloading(now: MonotonicTime) {
        send("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1_000)\nSTATUS=reloading")
    }

    /// It ends.
    package func stopping() { send("STOPPING=1\nSTATUS=draining") }

    /// One line for `systemctl status`.
    package func status(_ text: String) { send("STATUS=\(Self.line(text))") }

    /// Another process is the service from now on.
    package func successor(_ processID: Int32) { send("MAINPID=\(processID)") }

    /// It is alive.
    package func alive() { send("WATCHDOG=1") }

    private static func line(_ text: String) -> String { text.split(separator: "\n").joined(separator: " ") }

    private func send(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { _ = cposix_notify(path, $0.baseAddress, $0.count) }
        }
    }
}
