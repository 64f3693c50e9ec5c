import Transport

/// Where a server's name leads: the addresses of the last answer that had any, and which of them failed lately.
///
/// They are tried in turn, each connection beginning with the next one, those that failed behind the others.
struct AddressBook {
    /// How long an address that failed stays behind the others.
    static let grudge = Duration.seconds(30)
    /// How soon a failure to connect may have the name resolved again.
    static let haste = Duration.seconds(1)

    private(set) var addresses: [SocketAddress] = []
    private var failures: [SocketAddress: MonotonicTime] = [:]
    private var turn = 0
    /// When the name was last asked for.
    private var asked: MonotonicTime?

    /// The addresses in the order in which they are to be tried now.
    mutating func order(at now: MonotonicTime) -> [SocketAddress] {
        guard addresses.count > 1 else { return addresses }
        turn = (turn + 1) % addresses.count
        let rotated = addresses[turn...] + addresses[..<turn]
        guard !failures.isEmpty else { return Array(rotated) }
        failures = failures.filter { now.duration(since: $0.value) < Self.grudge }
        return rotated.filter { failures[$0] == nil } + rotated.filter { failures[$0] != nil }
    }

    /// Puts an address behind the others for a while.
    mutating func noteFailure(of address: SocketAddress, at now: MonotonicTime) {
        if addresses.contains(address) { failures[address] = now }
    }

    /// Whether the name is to be asked for now, because that was `interval` ago or never; the asking is noted then.
    mutating func mayAsk(at now: MonotonicTime, after interval: Duration) -> Bool {
        if let asked, now.duration(since: asked) < interval { return false }
        asked = now
        return true
    }

    /// Takes an answer over. Returns the addresses that were there before, when there were and the answer has others.
    mutating func learn(_ answer: [SocketAddress]) -> [SocketAddress]? {
        guard !answer.isEmpty, Set(answer) != Set(addresses) else { return nil }
        let old = addresses
        addresses = answer
        failures = failures.filter { answer.contains($0.key) }
        turn = 0
        return old.isEmpty ? nil : old
    }
}
