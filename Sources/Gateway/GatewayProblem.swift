import Coding
import HTTPWire
import Identity
import Policy

/// The problem documents that a protected route answers with: the public reason, never a score.
///
/// **Source** RFC 9457; the types are URNs, since no page describes them.
enum GatewayProblem {
    private static func type(_ name: String) -> String { "urn:samegate:problem:\(name)" }

    static func undecodable(_ reason: String) -> ProblemDocument {
        ProblemDocument(status: 400, type: type("undecodable"), title: "Query not understood", detail: reason)
    }

    /// The answer to a body whose content coding cannot be undone, or not within bounds.
    static func undecodable(_ error: CodingError) -> ProblemDocument {
        let (status, kind, title) =
            switch error {
            case .unknownCoding: (415, "unsupported-coding", "Content coding not supported")
            case _ where error.isOverLimit: (413, "decoded-too-large", "Query too large")
            default: (400, "undecodable", "Query not understood")
            }
        return ProblemDocument(status: status, type: type(kind), title: title, detail: error.description)
    }

    static let notAcceptable = ProblemDocument(
        status: 406, type: type("not-acceptable"), title: "No acceptable coding",
        detail: "Accept-Encoding allows none of: \(ContentCoding.offered), identity")

    /// The answer to wrong or missing credentials.
    static func unauthenticated(_ error: AuthenticationError) -> ProblemDocument {
        let (kind, title) =
            switch error.status {
            case 403: ("forbidden", "Not for this client")
            case 400: ("credentials", "Ambiguous credentials")
            default: ("unauthenticated", "Credentials required")
            }
        return ProblemDocument(
            status: error.status, type: type(kind), title: title, detail: error.publicReason)
    }

    /// The answer where a rate has no room.
    static func rateLimited(_ denial: RateLimitDenial) -> ProblemDocument {
        ProblemDocument(
            status: 429, type: type("rate-limited"), title: "Too many queries",
            detail: "the limit \"\(denial.rule)\" has no room for this request; try again later",
            extensions: [.init("retry_after_seconds", .integer(Int64(denial.retryAfterSeconds)))])
    }

    static let rateUnknown = ProblemDocument(
        status: 503, type: type("rate-unknown"), title: "Service busy",
        detail: "too many clients are being counted at the moment; try again shortly")

    static let rejected = ProblemDocument(
        status: 403, type: type("rejected"), title: "Query refused",
        detail: "this query is not answered under the service's policy")

    static let overloaded = ProblemDocument(
        status: 503, type: type("overloaded"), title: "Service busy",
        detail: "too many queries are waiting to be examined; try again shortly")

    /// The answer to one of several queries of a client for which there is no room or time in the scoring queue.
    static let crowding = ProblemDocument(
        status: 429, type: type("crowding"), title: "Too many queries at once",
        detail:
            "too many queries are waiting to be examined, and more than one comes from here; try again shortly"
    )

    static let unreadableAnswer = ProblemDocument(
        status: 502, type: type("unreadable-answer"), title: "Unusable answer",
        detail: "the model's answer could not be examined")

    static let cannotWithhold = ProblemDocument(
        status: 503, type: type("no-room"), title: "Service busy",
        detail: "too many answers are waiting for their proof-of-work; try again shortly")

    static func proofRefused(_ reason: String) -> ProblemDocument {
        ProblemDocument(status: 403, type: type("proof-refused"), title: "Proof not accepted", detail: reason)
    }

    static let storeUnavailable = ProblemDocument(
        status: 503, type: type("store-unavailable"), title: "Service unavailable",
        detail: "the proof cannot be checked at the moment; try again shortly")

    /// The demand for work, with everything a client needs to meet it.
    static func workDemanded(_ issued: IssuedChallenge, lifetime: Duration) -> ProblemDocument {
        let challenge = issued.challenge
        return ProblemDocument(
            status: 428, type: type("proof-of-work"), title: "Proof-of-work required",
            detail:
                "find a number n such that the first 128 bits of SHA-256(SHA-256(challenge) || n as 8 bytes"
                + " big-endian) are below the target, and repeat the request with the header"
                + " \(ProofField.name): challenge:n",
            extensions: [
                .init("challenge", .text(issued.token)),
                .init("algorithm", .text(challenge.algorithm.name)),
                .init("target", .text(challenge.target.hex)),
                .init("expected_hashes", .number(challenge.target.expectedHashes.rounded())),
                .init("expires_in_seconds", .integer(lifetime.components.seconds)),
            ])
    }
}
