import COpenSSL
import Synchronization
import Transport

/// The keys that session tickets are sealed with (RFC 5077, RFC 8446 §4.6.1), made anew at intervals.
///
/// A ticket key that is stolen opens every TLS 1.2 session resumed under it, so none lives long: one seals for
/// `lifetime`, opens for as long again, and is then forgotten. Keys stay in this process; replicas do not share them.
final class TicketKeys: Sendable {
    /// One key.
    struct Key: Sendable {
        let name: [UInt8]
        let cipher: [UInt8]
        let mac: [UInt8]
        let made: MonotonicTime
    }

    private struct State {
        var lifetime: Duration
        /// Newest first.
        var keys: [Key] = []
    }

    private let clock: any LoopClock
    private let state: Mutex<State>

    /// Keys that seal for `lifetime` each, by `clock`.
    init(lifetime: Duration, clock: any LoopClock) {
        state = Mutex(State(lifetime: lifetime))
        self.clock = clock
    }

    /// From now on keys seal for so long each, those that are there included.
    func change(lifetime: Duration) { state.withLock { $0.lifetime = lifetime } }

    /// The key to seal with, or nil when the system has no random bytes.
    func current() -> Key? {
        let now = clock.now()
        return state.withLock { state in
            let lifetime = state.lifetime
            if let newest = state.keys.first, now.duration(since: newest.made) < lifetime { return newest }
            guard let key = Self.make(at: now) else { return nil }
            state.keys = [key] + state.keys.filter { now.duration(since: $0.made) < lifetime * 2 }
            return key
        }
    }

    /// The key of this name if it may still open tickets, and whether the ticket should be replaced by a new one.
    func key(named name: UnsafeRawBufferPointer) -> (key: Key, isOld: Bool)? {
        let now = clock.now()
        return state.withLock { state in
            guard let key = state.keys.first(where: { $0.name.elementsEqual(name) }) else { return nil }
            let age = now.duration(since: key.made)
            return age < state.lifetime * 2 ? (key, age >= state.lifetime) : nil
        }
    }

    private static func make(at now: MonotonicTime) -> Key? {
        func random(_ count: Int, isSecret: Bool) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            let result = isSecret ? RAND_priv_bytes(&bytes, Int32(count)) : RAND_bytes(&bytes, Int32(count))
            return result == 1 ? bytes : nil
        }
        guard let name = random(Int(SAMEGATE_TICKET_NAME), isSecret: false),
            let cipher = random(Int(SAMEGATE_TICKET_CIPHER), isSecret: true),
            let mac = random(Int(SAMEGATE_TICKET_MAC), isSecret: true)
        else { return nil }
        return Key(name: name, cipher: cipher, mac: mac, made: now)
    }
}

extension TicketKeys {
    /// What OpenSSL's ticket callback asks. Returns its answers: 1 for success, 2 for success with a ticket to be
    /// replaced (`renewing` asks for that always: a TLS 1.3 ticket is used once, RFC 8446 §C.4), 0 for a ticket that is not ours, negative for failure.
    func prepare(
        name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, cipher: OpaquePointer,
        mac: OpaquePointer, sealing: Bool, renewing: Bool
    ) -> Int32 {
        let nameBytes = UnsafeMutableRawBufferPointer(start: name, count: Int(SAMEGATE_TICKET_NAME))
        if sealing {
            guard let key = current(), RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 else { return -1 }
            nameBytes.copyBytes(from: key.name)
            return samegate_ticket_begin(cipher, mac, key.cipher, key.mac, iv, 1) == 1 ? 1 : -1
        }
        guard let (key, isOld) = key(named: UnsafeRawBufferPointer(nameBytes)) else { return 0 }
        guard samegate_ticket_begin(cipher, mac, key.cipher, key.mac, iv, 0) == 1 else { return -1 }
        return isOld || renewing ? 2 : 1
    }
}
