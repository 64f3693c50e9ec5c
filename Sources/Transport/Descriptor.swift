import CPosix

/// The sole owner of one open file descriptor: it is closed when the owner goes.
package struct Descriptor: ~Copyable {
    /// The number the system knows it by; valid as long as this value lives.
    package let raw: Int32

    /// Takes over `raw`, which nobody else may close.
    package init(owning raw: Int32) {
        precondition(raw >= 0, "a descriptor is not negative")
        self.raw = raw
    }

    deinit { cposix_close(raw) }

    /// Gives the number up without closing it: for handing it to another loop, which must own it again.
    package consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// Closes with a reset instead of an orderly end: the peer must not take what it got as complete.
    package consuming func abort() {
        cposix_abort(raw)
        discard self
    }
}

extension Descriptor {
    /// A second descriptor for the same open socket. **Throws** when the table of descriptors is full.
    package func duplicate() throws(TransportError) -> Descriptor {
        Descriptor(owning: try TransportError.check(cposix_duplicate(raw), "duplicate"))
    }

    /// A non-blocking socket on its way to `address`; whether it arrives is told by the first writable event.
    package static func connecting(to address: SocketAddress) throws(TransportError) -> Descriptor {
        var system = address.system
        return Descriptor(owning: try TransportError.check(cposix_connect(&system), "connect to \(address)"))
    }
}
