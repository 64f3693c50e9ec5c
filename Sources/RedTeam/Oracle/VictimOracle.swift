import Tensor

/// A black box that is asked about pictures: all that an attack may know of its victim.
///
/// Not `Sendable`: an oracle belongs to one attack at a time.
package protocol VictimOracle: AnyObject {
    /// The pictures it takes.
    var image: ImageShape { get }
    /// The number of classes of its answers.
    var classes: Int { get }
    /// How many pictures it has been asked about.
    var queryCount: Int { get }
    /// How many rows are best asked about at a time: what such a part has got is kept, whatever becomes of the next.
    var rowsTogether: Int { get }
    /// Asks about a batch and returns one reply a row, in order.
    ///
    /// **Shapes** queries (B, C·H·W), canonical values in −1…1.
    /// **Throws** when there is no victim to speak of: a refusal is a reply, not an error.
    func ask(_ queries: Tensor) throws(OracleError) -> [OracleReply]
}

extension VictimOracle {
    /// As many as there are.
    package var rowsTogether: Int { .max }
}

/// What came back for one picture.
package enum OracleReply: Hashable, Sendable {
    /// The probabilities of the classes, perhaps perturbed.
    case answered([Float])
    /// No answer.
    case refused(OracleRefusal)

    /// The probabilities, or nil for a refusal.
    package var answer: [Float]? {
        if case .answered(let answer) = self { return answer }
        return nil
    }

    /// The most probable class, the first of equals; nil for a refusal.
    package var label: Int? { answer.flatMap { $0[...].largest } }
}

/// Why a picture got no answer; the raw value is the name in reports.
package enum OracleRefusal: String, Codable, CaseIterable, Sendable {
    /// 403: refused for what it is.
    case rejected
    /// 428: proof-of-work was asked for and not given.
    case challenged
    /// 429: too many queries.
    case limited
    /// 5xx, or 429 where the service had no room.
    case unavailable
}

/// Why a victim cannot be asked at all.
package enum OracleError: Error, Hashable, Sendable {
    case badURL(String)
    case unexpectedStatus(Int, excerpt: String)
    case unreadableAnswer(String)
    case cannotSend(String)
    /// So many attempts in a row got no response of any kind: nothing was refused, there is nobody there.
    case silent(victim: String, attempts: Int, reason: String)
    /// Someone asked to stop.
    case stopped
}

extension OracleError {
    /// Whether the same query may well be answered later, so that a run that is resumed gets further.
    package var mayPass: Bool {
        switch self {
        case .unexpectedStatus, .unreadableAnswer, .silent, .stopped: true
        case .badURL, .cannotSend: false
        }
    }
}

extension OracleError: CustomStringConvertible {
    /// A sentence with what would mend it.
    package var description: String {
        switch self {
        case .badURL(let text):
            "“\(text)” is no address to ask: it must be like http://host:port/path, or https"
        case .unexpectedStatus(let status, let excerpt):
            "the victim answered with status \(status), which no attack can go on from: \(excerpt)"
        case .unreadableAnswer(let reason): "the victim's answer cannot be read: \(reason)"
        case .cannotSend(let reason): "the query cannot be sent: \(reason)"
        case .silent(let victim, let attempts, let reason):
            "the gateway at \(victim) no longer answers: \(reason), after \(attempts) attempts; go on with --resume"
        case .stopped: "stopped"
        }
    }
}

extension ArraySlice<Float> {
    /// The place of the largest value, counted from the slice's start; the first of equals.
    var largest: Int? {
        var best: Int?
        for index in indices where best.map({ self[index] > self[$0] }) ?? true { best = index }
        return best.map { $0 - startIndex }
    }
}
