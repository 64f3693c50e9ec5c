import Dispatch
import Logging
import Policy
import Service
import Store

/// What a gateway has of its predecessor.
struct Inheritance: Sendable {
    /// Who issued the challenges that the predecessor's clients hold.
    let authority: ChallengeAuthority
    /// Who did before its key was changed.
    let retired: ChallengeAuthority?

    /// Asks the predecessor for what it keeps, and takes it into `store`; nil, with a word in the log, when it gives none.
    ///
    /// What it withholds from then on is taken too, on a thread of its own, until it ends.
    init?(from stream: StateStream, into store: MemoryStore, log: Logger) {
        var authorities: (ChallengeAuthority, ChallengeAuthority?)?
        var turnedAway = 0
        var taken = 0
        guard stream.request() else { return nil }
        reading: while true {
            guard let bytes = stream.receive() else {
                log.warning("the predecessor has broken off; challenges that it issued are void")
                return nil
            }
            switch HandOverMessage(bytes) {
            case .complete: break reading
            case .authorities(let present, let retired):
                guard let authority = ChallengeAuthority(handedOver: present) else { continue }
                authorities = (authority, retired.flatMap(ChallengeAuthority.init(handedOver:)))
            case .entry(let entry): if store.adopt(entry) { taken += 1 } else { turnedAway += 1 }
            case nil: continue
            }
        }
        guard let (authority, retired) = authorities else { return nil }
        self.authority = authority
        self.retired = retired
        log.info(
            "took over what the predecessor kept",
            metadata: ["entries": "\(taken)", "no_room": "\(turnedAway)"])
        DispatchQueue(label: "samegate.inheritance").async { @Sendable in
            while let bytes = stream.receive(waits: true) {
                if case .entry(let entry) = HandOverMessage(bytes) { _ = store.adopt(entry) }
            }
        }
    }
}
