import SAME

/// Why the victim's answers could not be had. What was answered before is kept.
package enum VictimError: Error, Hashable, Sendable {
    case badURL(String)
    case unreachable(url: String, attempts: Int, reason: String)
    case refused(url: String, status: Int, excerpt: String, attempts: Int)
    case unreadable(url: String, reason: String, excerpt: String)
    case answerTooLarge(url: String, bytesMax: Int)
    case classesDiffer(url: String, found: Int, before: Int)
    case stopped(answered: Int, of: Int)
    case journal(FileError)
}

extension VictimError: CustomStringConvertible {
    /// A sentence with the URL, what it said, and how often it was asked.
    package var description: String {
        switch self {
        case .badURL(let text): "“\(text)” is not an http or https URL"
        case .unreachable(let url, let attempts, let reason):
            "\(url) cannot be reached after \(attempts) attempts: \(reason)"
        case .refused(let url, let status, let excerpt, let attempts):
            "\(url) answers with status \(status) (\(attempts) attempts): \(excerpt)"
        case .unreadable(let url, let reason, let excerpt):
            "the answer of \(url) cannot be read: \(reason). It begins: \(excerpt)"
        case .answerTooLarge(let url, let bytesMax):
            "an answer of \(url) has more than the \(bytesMax) bytes that are read: lower --victim-batch"
        case .classesDiffer(let url, let found, let before):
            "\(url) answered with \(found) classes after \(before)"
        case .stopped(let answered, let count): "stopped after \(answered) of \(count) answers"
        case .journal(let error): "\(error); the answers before are kept"
        }
    }
}
