import Foundation

/// Certificates made in the test run by the `openssl` command: an authority, a server's for this machine, two clients'.
final class Certificates: Sendable {
    static let shared = Certificates()
    let folder: String

    private init() {
        folder = NSTemporaryDirectory() + "samegate-gateway-pki-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = run("/bin/sh", ["-e", "-c", Self.script], in: folder)
        atexit { try? FileManager.default.removeItem(atPath: Certificates.shared.folder) }
        precondition(made.status == 0, "the certificates could not be made: \(made.error)")
    }

    /// The path of a file made here: `ca.pem`, `server.pem` and `.key`, `alice.pem` and `.key`, `bob.pem` and `.key`.
    func path(_ name: String) -> String { folder + "/" + name }

    private static let script = """
        ec="ec -pkeyopt ec_paramgen_curve:P-256"
        openssl req -x509 -newkey $ec -nodes -keyout ca.key -out ca.pem -days 3650 -subj /CN=ca \\
            -addext basicConstraints=critical,CA:TRUE
        openssl req -x509 -newkey $ec -nodes -keyout ending.key -out ending.pem -days 3 -subj /CN=ending \\
            -addext subjectAltName=DNS:localhost
        for name in server alice bob; do
            openssl req -newkey $ec -nodes -keyout $name.key -out $name.csr -subj /O=Users/CN=$name
            echo subjectAltName=DNS:localhost,IP:127.0.0.1 > $name.ext
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \\
                -extfile $name.ext -out $name.pem
        done
        """
}

/// What a command printed and how it ended.
struct Ran {
    var status: Int32
    var output: String
    var error: String
}

/// Runs a command to its end, within 60 seconds.
func run(_ program: String, _ arguments: [String], in folder: String? = nil) -> Ran {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["60", program] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    let base = NSTemporaryDirectory() + "samegate-run-\(UUID().uuidString)"
    let paths = ["out", "err"].map { base + "." + $0 }
    defer { paths.forEach { try? FileManager.default.removeItem(atPath: $0) } }
    for path in paths { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: paths[0])
    process.standardError = FileHandle(forWritingAtPath: paths[1])
    do { try process.run() } catch { return Ran(status: -1, output: "", error: "\(error)") }
    process.waitUntilExit()
    func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    return Ran(status: process.terminationStatus, output: text(paths[0]), error: text(paths[1]))
}

extension GatewayFixture {
    /// One request by curl, with the certificate of `client` if any; it prints the body, then the status on a line.
    func curl(
        as client: String? = nil, path: String, _ arguments: [String] = [], from source: String? = nil
    ) throws -> Ran {
        let pki = Certificates.shared
        var all =
            ["-sS", "--noproxy", "*", "-w", "\n%{http_code}", "--cacert", pki.path("ca.pem")] + arguments
        if let client { all += ["--cert", pki.path("\(client).pem"), "--key", pki.path("\(client).key")] }
        if let source { all += ["--interface", source] }
        let scheme = settings.listeners[0].tls == nil ? "http" : "https"
        all += ["\(scheme)://127.0.0.1:\(try port)\(path)"]
        return run("curl", all)
    }
}

extension Plan {
    /// The listener's TLS with the certificate of this machine; `clients` says whether theirs are asked for.
    static func tls(clients: String = "none") -> String {
        let pki = Certificates.shared
        let authority = clients == "none" ? "" : ", client_ca: '\(pki.path("ca.pem"))'"
        return """
            , tls: {certificates: [{certificate: '\(pki.path("server.pem"))', key: '\(pki.path("server.key"))'}], \
            client_certificates: \(clients)\(authority)}
            """
    }
}
