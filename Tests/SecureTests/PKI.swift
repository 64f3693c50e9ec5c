import Foundation

/// Certificates made in the test run by the `openssl` command, an implementation of its own of the files' formats.
///
/// Two authorities, servers' certificates of both kinds of key, clients' certificates, and broken files.
final class PKI: Sendable {
    static let shared = PKI()
    let folder: String

    private init() {
        folder = NSTemporaryDirectory() + "samegate-pki-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = run("/bin/sh", ["-e", "-c", Self.script], in: folder)
        atexit { try? FileManager.default.removeItem(atPath: PKI.shared.folder) }
        precondition(made.status == 0, "the certificates could not be made: \(made.error)")
        try? Data("nothing of use\n".utf8).write(to: URL(fileURLWithPath: folder + "/garbage.pem"))
    }

    /// The path of a file made here.
    func path(_ name: String) -> String { folder + "/" + name }

    private static let script = """
        authority() {
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.pem \
                -days 3650 -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE
        }
        # issue NAME SUBJECT AUTHORITY SAN KEY-OPTIONS…
        issue() {
            name=$1 subject=$2 authority=$3 san=$4; shift 4
            openssl req -newkey "$@" -nodes -keyout $name.key -out $name.csr -subj "$subject"
            printf 'subjectAltName=%s\\n' "$san" > $name.ext
            openssl x509 -req -in $name.csr -CA $authority.pem -CAkey $authority.key -CAcreateserial \
                -days 3650 -extfile $name.ext -out $name.pem
        }
        ec="ec -pkeyopt ec_paramgen_curve:P-256"
        authority good-ca; authority other-ca
        issue plain /CN=plain good-ca DNS:localhost,DNS:one.example,IP:127.0.0.1 $ec
        issue wild /CN=wild good-ca 'DNS:*.wild.example' $ec
        issue both-ec /CN=both-ec good-ca DNS:both.example $ec
        issue both-rsa /CN=both-rsa good-ca DNS:both.example rsa:2048
        issue renewed /CN=renewed good-ca DNS:localhost,DNS:one.example,IP:127.0.0.1 $ec
        issue client '/O=Users, and more/CN=alice' good-ca email:alice@users.example $ec
        issue stranger /CN=mallory other-ca email:mallory@users.example $ec
        openssl pkey -in plain.key -aes256 -passout pass:secret -out encrypted.key
        openssl req -x509 -newkey $ec -nodes -keyout ending.key -out ending.pem -days 3 -subj /CN=ending \
            -addext subjectAltName=DNS:ending.example
        # An expired one takes the `ca` command: the others accept no time in the past.
        mkdir -p ca; : > ca/index; echo 01 > ca/serial
        printf '%s\\n' '[ca]' 'default_ca=d' '[d]' 'database=ca/index' 'serial=ca/serial' 'new_certs_dir=ca' \
            'default_md=sha256' 'policy=p' '[p]' 'commonName=supplied' > ca.conf
        openssl req -newkey $ec -nodes -keyout expired.key -out expired.csr -subj /CN=expired
        openssl ca -batch -notext -config ca.conf -in expired.csr -cert good-ca.pem -keyfile good-ca.key \
            -startdate 20200101000000Z -enddate 20210101000000Z -extfile plain.ext -out expired.pem
        """
}

/// What a command printed and how it ended.
struct Ran {
    var status: Int32
    var output: String
    var error: String
}

/// Runs a command to its end, within 30 seconds, with `input` on its standard input.
func run(_ program: String, _ arguments: [String], input: String = "", in folder: String? = nil) -> Ran {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["30", program] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    let base = NSTemporaryDirectory() + "samegate-run-\(UUID().uuidString)"
    let paths = ["in", "out", "err"].map { base + "." + $0 }
    defer { paths.forEach { try? FileManager.default.removeItem(atPath: $0) } }
    try? Data(input.utf8).write(to: URL(fileURLWithPath: paths[0]))
    for path in paths[1...] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    process.standardInput = FileHandle(forReadingAtPath: paths[0])
    process.standardOutput = FileHandle(forWritingAtPath: paths[1])
    process.standardError = FileHandle(forWritingAtPath: paths[2])
    do { try process.run() } catch { return Ran(status: -1, output: "", error: "\(error)") }
    process.waitUntilExit()
    func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    return Ran(status: process.terminationStatus, output: text(paths[1]), error: text(paths[2]))
}
