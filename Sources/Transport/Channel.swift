import CPosix

/// What epoll says about a descriptor.
public struct Readiness: OptionSet, Sendable {
    /// The bits of the C shim.
    public let rawValue: UInt32
    /// From those bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Something can be read: bytes, a connection, end of file.
    package static let readable = Readiness(rawValue: UInt32(CPOSIX_READABLE))
    /// There is room for sending, or a connect has ended.
    package static let writable = Readiness(rawValue: UInt32(CPOSIX_WRITABLE))
    /// The peer will send no more.
    package static let peerClosed = Readiness(rawValue: UInt32(CPOSIX_PEER_CLOSED))
    /// The connection is over in both directions.
    package static let failed = Readiness(rawValue: UInt32(CPOSIX_FAILED))
}

/// A descriptor registered with a loop. Subclasses say what its events mean.
///
/// A class to inherit from rather than a delegate: a virtual call is cheaper than one through an existential,
/// and it is made for each event.
///
/// `open`, and so public, because Swift lets nothing less be subclassed in another room of the package.
///
/// `@unchecked Sendable` because: confined to its loop, which debug builds check.
open class Channel: @unchecked Sendable {
    /// The loop it belongs to for life.
    package let loop: EventLoop
    private var descriptor: Descriptor?
    private var token: UInt64 = 0
    /// False from `close` on.
    package final var isOpen: Bool { descriptor != nil }
    /// The system's number of an open channel.
    package final let raw: Int32

    /// Takes over the descriptor `raw`, which its last owner has released; events come after `register`.
    ///
    /// Public, because Swift 6.3 synthesises an endlessly recursive override of a package initialiser in
    /// subclasses of another room; a number, so that not every type here has to be public too.
    public init(loop: EventLoop, owning raw: Int32) {
        self.loop = loop
        self.raw = raw
        descriptor = Descriptor(owning: raw)
    }

    /// Starts events. **Throws** when the kernel has no room for one more watched descriptor; the channel is
    /// closed then. **Runs on** the loop.
    package final func register(asListener: Bool = false) throws(TransportError) {
        loop.assertOnLoop()
        token = loop.table.insert(self)
        let result =
            asListener
            ? cposix_epoll_add_listener(loop.table.epoll.raw, raw, token)
            : cposix_epoll_add_stream(loop.table.epoll.raw, raw, token)
        guard result < 0 else { return }
        closeDescriptor(aborting: false)
        throw .system(operation: "watch a descriptor", code: -result)
    }

    /// Stops events without closing, for a listener out of descriptors.
    final func suspendEvents() { _ = cposix_epoll_remove(loop.table.epoll.raw, raw) }

    /// Starts them again after `suspendEvents`. Returns false when the kernel refuses.
    final func resumeEvents() -> Bool {
        cposix_epoll_add_listener(loop.table.epoll.raw, raw, token) == 0
    }

    /// Closes at once; no event comes any more. Calling it again changes nothing.
    package final func close() {
        guard isOpen else { return }
        descriptorCloses(aborting: false)
        closeDescriptor(aborting: false)
        channelClosed()
    }

    /// Closes with a reset, so that the peer cannot take what it has for a whole.
    package final func abort() {
        guard isOpen else { return }
        descriptorCloses(aborting: true)
        closeDescriptor(aborting: true)
        channelClosed()
    }

    /// Stops events and gives the descriptor, which stays open, back to the caller as its owner.
    package final func letGo() {
        guard let owned = descriptor.take() else { return }
        loop.assertOnLoop()
        if token != 0 { loop.table.remove(token: token) }
        _ = cposix_epoll_remove(loop.table.epoll.raw, raw)
        _ = owned.release()
    }

    private func closeDescriptor(aborting: Bool) {
        loop.assertOnLoop()
        if token != 0 { loop.table.remove(token: token) }
        guard let owned = descriptor.take() else { return }
        if aborting { owned.abort() }
    }

    // MARK: For subclasses

    /// An event has come. **Runs on** the loop.
    open func receivedEvent(_ readiness: Readiness) {}
    /// `loop.resumeLater(self)` has been asked for.
    open func channelResumed() {}
    /// The descriptor is about to be closed: the last moment for a word to the peer, which `aborting` forbids.
    open func descriptorCloses(aborting: Bool) {}
    /// The channel has just been closed, by whomever.
    open func channelClosed() {}
    /// The loop is about to close everything.
    open func loopShutsDown() {}
}
