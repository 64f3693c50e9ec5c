import CPosix

/// Which channel an epoll event is for.
///
/// An event carries a slot and the generation that the slot had when the descriptor was registered. A channel
/// that closes frees its slot and ends its generation, so an event still in the same batch finds nobody, even
/// when the system has already given the descriptor's number to another connection.
///
/// `@unchecked Sendable` because: confined to its loop's queue, but for the descriptor, which never changes.
final class ChannelTable: @unchecked Sendable {
    private struct Slot {
        var channel: Channel?
        var generation: UInt32
    }

    /// The loop's epoll.
    let epoll: EpollDescriptor
    private var slots: [Slot] = []
    private var free: [Int] = []

    /// The token of the loop's own wake-ups, which no slot can have.
    static let wakeToken = UInt64.max
    /// The token of the mark behind events that a full batch has left.
    static let markToken = UInt64.max - 1

    init() throws(TransportError) {
        let raw = try TransportError.check(cposix_epoll_create(), "make an epoll")
        let owner = Descriptor(owning: raw)
        let wake = Descriptor(
            owning: try TransportError.check(cposix_wake_create(raw, Self.wakeToken), "make an eventfd"))
        let mark = try TransportError.check(cposix_wake_create(raw, Self.markToken), "make an eventfd")
        epoll = EpollDescriptor(owner, wake: wake, mark: Descriptor(owning: mark))
    }

    var count: Int { slots.count - free.count }

    func channel(token: UInt64) -> Channel? {
        guard token < Self.markToken else { return nil }
        let slot = slots[Int(truncatingIfNeeded: token & 0xFFFF_FFFF)]
        return slot.generation == UInt32(truncatingIfNeeded: token >> 32) ? slot.channel : nil
    }

    /// Gives the channel a slot; returns its token.
    func insert(_ channel: Channel) -> UInt64 {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot(channel: nil, generation: 1)) }
        slots[index].channel = channel
        return UInt64(slots[index].generation) << 32 | UInt64(index)
    }

    func remove(token: UInt64) {
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        slots[index].channel = nil
        slots[index].generation &+= 1
        free.append(index)
    }

    func closeAll() {
        for slot in slots { slot.channel?.loopShutsDown() }
        for slot in slots { slot.channel?.close() }
    }

    func epollMayClose() { epoll.close() }
}

/// Holds the epoll open until Dispatch has let go of it.
///
/// `@unchecked Sendable` because: closed once, by the source's cancel handler, after which nobody uses it.
final class EpollDescriptor: @unchecked Sendable {
    /// The number, valid until `close`.
    let raw: Int32
    /// Ends a wait in the epoll.
    let rawWake: Int32
    /// Written to, sends the mark.
    let rawMark: Int32
    private var owner: Descriptor?
    private var wake: Descriptor?
    private var mark: Descriptor?

    init(_ descriptor: consuming Descriptor, wake: consuming Descriptor, mark: consuming Descriptor) {
        raw = descriptor.raw
        rawWake = wake.raw
        rawMark = mark.raw
        owner = consume descriptor
        self.wake = consume wake
        self.mark = consume mark
    }

    func close() {
        owner = nil
        wake = nil
        mark = nil
    }
}
