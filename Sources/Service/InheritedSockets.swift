import CPosix
import Glibc
import Transport

/// The listening sockets that whoever started the daemon has opened for it: a service manager, or the daemon's own
/// predecessor.
///
/// Source: sd_listen_fds_with_names(3): `LISTEN_FDS` descriptors from number 3 on, meant for the process `LISTEN_PID`, with
/// names in `LISTEN_FDNAMES`.
package struct InheritedSockets: Sendable {
    /// One of them.
    package struct Socket: Sendable {
        /// What its unit calls it; `unknown` without a name.
        package let name: String
        /// It accepts in clear text; a listener with TLS shares its socket.
        package let listener: Listener

        /// A socket that its unit calls `name`.
        package init(name: String, listener: Listener) {
            self.name = name
            self.listener = listener
        }
    }

    /// In the order of their descriptors.
    package private(set) var sockets: [Socket] = []

    private static let first: Int32 = 3
    /// More than any configuration has.
    private static let countMax: Int32 = 1_000

    /// None.
    package init() {}

    /// These.
    package init(_ sockets: [Socket]) { self.sockets = sockets }

    /// Takes over what the environment says, and removes that from the process's environment, so that no child takes the
    /// descriptors for its own. **Throws** when it is malformed, or a descriptor is no listening socket.
    package init(_ environment: [String: String], processID: Int32) throws(ServiceError) {
        defer { for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard let text = environment["LISTEN_FDS"], let owner = environment["LISTEN_PID"] else { return }
        guard let owner = Int32(owner) else {
            throw .environment(name: "LISTEN_PID", value: owner, reason: "not a number")
        }
        guard owner == processID else { return }
        guard let count = Int32(text), (0...Self.countMax).contains(count) else {
            throw .environment(name: "LISTEN_FDS", value: text, reason: "not a number of descriptors")
        }
        let names = environment["LISTEN_FDNAMES"].map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
        for offset in 0..<count {
            let name = names.flatMap { Int(offset) < $0.count ? $0[Int(offset)] : nil } ?? "unknown"
            do throws(TransportError) {
                let listener = try Listener(adopting: Self.first + offset)
                sockets.append(Socket(name: name, listener: listener))
            } catch {
                throw .notListening(descriptor: Self.first + offset, name: name)
            }
        }
    }

    /// The socket called `name` or, without one, at `address`; it is not given twice. Of several with one name it is the one at
    /// `address`. **Throws** when that is none of them: which was meant nobody can say.
    package mutating func take(
        named name: String?, at address: SocketAddress?
    ) throws(ServiceError) -> Listener? {
        let candidates = sockets.indices.filter { name == nil || sockets[$0].name == name }
        let placed = candidates.first { index in
            sockets[index].listener.path == nil && sockets[index].listener.localAddress == address
        }
        if placed == nil, let name, candidates.count > 1 {
            throw .ambiguous(name: name, sockets: candidates.map { sockets[$0].listener.name })
        }
        let index = placed ?? (name == nil ? nil : candidates.first)
        return index.map { sockets.remove(at: $0).listener }
    }

    /// The Unix socket at `path`; it is not given twice.
    package mutating func take(atPath path: String) -> Listener? {
        let index = sockets.firstIndex { $0.listener.path == path }
        return index.map { sockets.remove(at: $0).listener }
    }

    /// **Throws** when sockets are left that nobody took: whoever opened them expects them to be served.
    package func demandNoneLeft() throws(ServiceError) {
        guard sockets.isEmpty else {
            throw .unclaimed(sockets.map { "\($0.listener.name) (\($0.name))" })
        }
    }
}
