import CPosix
import Glibc
import Synchronization

/// A listening socket, of TCP or at a path of this machine, that any number of loops accept from.
///
/// One socket in each loop's epoll rather than one socket a loop (SO_REUSEPORT): a loop that goes away would
/// take the connections with it that the kernel had already queued for it.
package final class Listener: Sendable {
    /// Where it listens, with the port the system chose when 0 was asked for.
    /// One at a path has the loopback's address and port 0.
    package let localAddress: SocketAddress
    /// The path of a Unix socket; nil for TCP.
    package let path: String?
    /// TLS for what it accepts; nil for clear text.
    package let security: (any SessionMaker)?
    /// What each connection has to begin with; nil where it begins with TLS or HTTP.
    package let intake: (any ConnectionIntake)?
    /// Whether the socket's file was made here; one that was inherited is its maker's to remove.
    private let ownsFile: Bool
    /// By what settings know it: the address that they give it.
    package let name: String
    /// How many of its connections are open.
    package let load: LoopLoad
    private let descriptor: OwnedDescriptor

    /// Binds and listens, for TLS where `security` is given. **Throws** with the address when the system refuses it.
    package init(
        binding address: SocketAddress, backlog: Int32 = 1024, security: (any SessionMaker)? = nil,
        intake: (any ConnectionIntake)? = nil
    ) throws(TransportError) {
        self.security = security
        self.intake = intake
        name = address.description
        path = nil
        ownsFile = false
        load = LoopLoad()
        var system = address.system
        let raw = try TransportError.check(cposix_listen(&system, backlog), "listen on \(address)")
        let owned = Descriptor(owning: raw)
        _ = try TransportError.check(cposix_local_address(raw, &system), "ask for the local address")
        localAddress = SocketAddress(system)
        descriptor = OwnedDescriptor(owned)
    }

    /// Binds a Unix socket whose file has `mode`, and listens. A file that a dead process has left is replaced. **Throws** with
    /// the path when the system refuses it.
    package init(path: String, mode: UInt32, backlog: Int32 = 64) throws(TransportError) {
        security = nil
        intake = nil
        let raw = try TransportError.check(cposix_listen_path(path, mode, backlog), "listen on \(path)")
        let owned = Descriptor(owning: raw)
        var system = cposix_address()
        _ = try TransportError.check(cposix_local_address(raw, &system), "ask for the local address")
        localAddress = SocketAddress(system)
        self.path = path
        ownsFile = true
        name = "unix:" + path
        load = LoopLoad()
        descriptor = OwnedDescriptor(owned)
    }

    /// Takes over a listening socket that another process has opened. **Throws** when `raw` is none; it is left alone then.
    package init(adopting raw: Int32) throws(TransportError) {
        _ = try TransportError.check(cposix_adopt_listener(raw), "accept from descriptor \(raw)")
        var system = cposix_address()
        _ = try TransportError.check(cposix_local_address(raw, &system), "ask for the local address")
        security = nil
        intake = nil
        let address = SocketAddress(system)
        let path = Self.path(of: raw)
        localAddress = address
        self.path = path
        ownsFile = false
        name = path.map { "unix:" + $0 } ?? address.description
        load = LoopLoad()
        descriptor = OwnedDescriptor(Descriptor(owning: raw))
    }

    /// A descriptor of the same socket for another process. **Throws** when the table of descriptors is full.
    package func duplicateDescriptor() throws(TransportError) -> Descriptor { try descriptor.duplicate() }

    /// The same socket under this name, with other TLS and another intake, or none, for what is accepted from now on.
    package init(
        sharing other: Listener, name: String, security: (any SessionMaker)?,
        intake: (any ConnectionIntake)? = nil
    ) {
        self.intake = intake
        localAddress = other.localAddress
        path = other.path
        ownsFile = other.ownsFile
        self.name = name
        load = other.load
        descriptor = other.descriptor
        self.security = security
    }

    private static func path(of raw: Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            guard let base = text.baseAddress, cposix_local_path(raw, base, text.count) > 0 else {
                return nil
            }
            return String(cString: base)
        }
    }

    /// Removes the file of a Unix socket that was made here, which stays when the socket is closed.
    package func removeFile() {
        if let path, ownsFile { _ = cposix_unlink_socket(path) }
    }

    /// Gives the file of a Unix socket that was made here another mode.
    package func setFileMode(_ mode: UInt32) {
        if let path, ownsFile { _ = chmod(path, mode) }
    }

    /// Whether the two accept from one socket.
    package func isSameSocket(as other: Listener) -> Bool { descriptor === other.descriptor }

    /// Lets go of the socket, so that connections are refused once no loop accepts from it any more: the system would
    /// otherwise go on queueing them for nobody. **Runs on** any thread.
    package func close() { descriptor.close() }

    /// Accepts on `loop`: `accepted` runs there for each connection, which it has to own. Returns what ends it.
    /// **Runs on** the loop.
    package func attach(
        to loop: EventLoop, accepted: @escaping (Int32, SocketAddress) -> Void
    ) throws(TransportError) -> ListenerChannel {
        let copy = try descriptor.duplicate()
        let channel = ListenerChannel(loop: loop, owning: copy.release(), accepted: accepted)
        try channel.register(asListener: true)
        return channel
    }
}

/// Shares a descriptor that is only ever duplicated, until it is closed.
final class OwnedDescriptor: Sendable {
    private let descriptor: Mutex<Descriptor?>

    init(_ descriptor: consuming Descriptor) {
        let raw = descriptor.release()
        self.descriptor = Mutex(Descriptor(owning: raw))
    }

    func duplicate() throws(TransportError) -> Descriptor {
        let copy = descriptor.withLock { owned in
            guard let raw = owned?.raw else { return -EBADF }
            return cposix_duplicate(raw)
        }
        return Descriptor(owning: try TransportError.check(copy, "duplicate"))
    }

    func close() { descriptor.withLock { $0 = nil } }
}

/// One loop's share in a listener.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
package final class ListenerChannel: Channel, @unchecked Sendable {
    /// Connections taken per event, so that a burst is spread over the loops and over time.
    private static let batchMax = 16
    /// Connections taken at the end: more than any queue holds, and yet an end where they keep coming.
    private static let lastBatchMax = 1 << 16
    /// How long to leave the queue alone when no descriptor is left. **Units**: nanoseconds.
    private static let pauseNanoseconds: UInt64 = 250_000_000

    private let accepted: (Int32, SocketAddress) -> Void
    private var pause: LoopTimer?
    private var isSuspended = false
    /// How often the process had no descriptor left for a connection.
    package private(set) var exhaustions = 0
    /// Called each time.
    package var onExhaustion: () -> Void = {}

    init(loop: EventLoop, owning raw: Int32, accepted: @escaping (Int32, SocketAddress) -> Void) {
        self.accepted = accepted
        super.init(loop: loop, owning: raw)
    }

    /// Accepts what waits; level-triggered, so what is left comes again.
    package override func receivedEvent(_ readiness: Readiness) {
        var peer = cposix_address()
        for _ in 0..<Self.batchMax where isOpen {
            let result = cposix_accept(raw, &peer)
            if result >= 0 {
                accepted(result, SocketAddress(peer))
            } else if TransportError.isExhaustion(-result) {
                return suspend()
            } else if !Self.isTransient(-result) {
                return
            }
        }
    }

    /// The socket is shared with other loops, so closing this copy does not end its events. What waits is accepted first, since
    /// the system would reset it with the last copy; but not where another process has one, and `acceptsWhatWaits` is false.
    package func stop(acceptsWhatWaits: Bool = true) {
        guard isOpen else { return }
        if acceptsWhatWaits { acceptWhatWaits() }
        guard isOpen else { return }
        if let pause { loop.remove(pause) }
        if !isSuspended { suspendEvents() }
        close()
    }

    /// Without a pause when the descriptors run out: there is no later.
    private func acceptWhatWaits() {
        var peer = cposix_address()
        for _ in 0..<Self.lastBatchMax where isOpen {
            let result = cposix_accept(raw, &peer)
            if result >= 0 {
                accepted(result, SocketAddress(peer))
            } else if !Self.isTransient(-result) {
                return
            }
        }
    }

    /// Ends the events before the loop closes the copy.
    package override func loopShutsDown() { stop() }

    /// EMFILE and ENFILE leave the connection queued and the socket readable: going on would spin.
    private func suspend() {
        exhaustions += 1
        onExhaustion()
        suspendEvents()
        isSuspended = true
        let timer = LoopTimer { [unowned self] in resume() }
        pause = timer
        loop.arm(timer, at: loop.now.advanced(byNanoseconds: Self.pauseNanoseconds))
    }

    private func resume() {
        guard isOpen else { return }
        if resumeEvents() { isSuspended = false } else { suspend() }
    }

    /// The connection was gone before it was taken; the next one may be there.
    private static func isTransient(_ code: Int32) -> Bool {
        [ECONNABORTED, EPROTO, ETIMEDOUT].contains(code)
    }
}
