/// The threads that score and how many queries may wait for them.
package struct ScoringSettings: Sendable, Equatable {
    /// What products are computed in.
    package enum Precision: String, Sendable, CaseIterable {
        /// 32-bit floats: what bundles are calibrated with.
        case f32
        /// bfloat16 products, where the processor has them.
        case bf16
        /// 8-bit products, where the processor has them and the bundle says that its scores stay what they are.
        case int8
    }

    /// Whose rows share the queue as one.
    package enum Share: String, Sendable, CaseIterable {
        /// A client's; an anonymous one's network's.
        case client
        /// A network's, whoever asks from it.
        case network
        /// Everybody's.
        case none
    }

    /// Threads that score.
    package var workers: ChosenCount
    /// Queries that may wait; past it `on_overload` decides.
    package var queue: Int
    /// Whose rows share the queue as one.
    package var shareBy: Share
    /// Rows that one worker takes at once.
    package var batch: ChosenCount
    /// How long a worker waits for so many while all others are at work.
    package var batchWait: Duration
    /// How long a query may wait for a worker; zero for however long.
    package var deadline: Duration
    /// What products are computed in.
    package var precision: Precision
    /// Examinations of earlier queries that each model keeps for exact repeats; zero for none.
    package var cache: Int
    /// Whether rows that reconstruction, statistics and frame condemn are examined no further.
    package var exitsEarly: Bool

    init(reading section: Section) {
        workers = section.value(
            "workers", .count(in: 1...1_024), default: .automatic,
            "Threads that score; `auto` is one for each processor that the process may use: by its affinity, the nodes of its memory and its control group's quota."
        )
        queue = section.value(
            "queue", .integer(in: 1...65_536), default: 256,
            "Queries that may wait to be scored, not counting what other clients have beyond a client's own; past it a route's `on_overload` decides of a client's only query."
        )
        shareBy = section.value(
            "share_by", .choice(), default: .client,
            "Who shares the queue and the workers fairly: clients (anonymous ones by their /24 or /48) or networks. `on_overload` is for a client's only query; one of several is refused then (429), since overload of one's own making must be no way past the score. `none` tells nobody apart, for a service whose queries all come from one client."
        )
        batch = section.value(
            "batch", .count(in: 1...4_096), default: .automatic,
            "Rows that a worker takes at once, of whatever queries wait then; `auto` is as many as the model gains from."
        )
        batchWait = section.value(
            "batch_wait", .duration(in: .zero ... .seconds(1)), default: .zero,
            "How long a worker waits for so many rows while all others are at work; a lone query is never held back."
        )
        deadline = section.value(
            "deadline", .duration(in: .zero ... .seconds(3_600)), default: .zero,
            "How long a query may wait for a worker; past it a route's `on_overload` decides. 0ms for however long."
        )
        precision = section.value(
            "precision", .choice(), default: .f32,
            "What the networks compute in; `bf16` and `int8` are faster where the processor has them, and refused for a bundle whose scores they were measured to move too far; `int8` also for one that was not measured."
        )
        cache = section.value(
            "cache", .integer(in: 0...1_000_000), default: 0,
            "Pictures whose examination each model keeps, so that exact repeats cost no scoring; 0 keeps none. A client could tell by the time whether somebody else has asked the same of late."
        )
        exitsEarly = section.value(
            "early_exit", .boolean, default: false,
            "Whether a picture whose reconstruction, statistics and frame put it above the band that rejects is examined no further: the verdict is the same, the score in the decision log is then the least that it can be. Only for enforced policies, and where rates do not charge by score."
        )
    }
}

/// Where the gateway's secret key is.
package struct SecretsSettings: Sendable, Equatable {
    /// The file of the key, absolute; nil makes a new key at each start.
    package var keyFile: String?

    /// **Units** bytes of a key.
    package static let keyBytes = 32...4_096

    init(reading section: Section) {
        keyFile = section.optional(
            "key_file",
            .secretFile(
                least: SecretsSettings.keyBytes.lowerBound, most: SecretsSettings.keyBytes.upperBound),
            absent: "a new key at each start",
            "The key behind noise and challenges. It is never written in this file itself.")
    }
}

/// Answers that wait for a proof-of-work.
package struct WithheldSettings: Sendable, Equatable {
    /// Answers that wait at once.
    package var answers: Int
    /// **Units** bytes of all that wait.
    package var bytes: Int
    /// How long one waits, and how long its challenge is good.
    package var lifetime: Duration

    init(reading section: Section) {
        answers = section.value(
            "answers", .integer(in: 1...10_000_000), default: 10_000,
            "Answers that wait for their proof at once; past it a query that would be challenged gets 503.")
        bytes = section.value(
            "bytes", .size(in: 1 << 16...1 << 40), default: 64 << 20,
            "Memory of all answers that wait; past it a query that would be challenged gets 503.")
        lifetime = section.value(
            "lifetime", .duration(in: .seconds(1) ... .seconds(86_400)), default: .seconds(300),
            "How long an answer waits, and its challenge is good.")
    }
}

/// How the daemon ends.
package struct ShutdownSettings: Sendable, Equatable {
    /// How long open requests may take to end.
    package var drain: Duration
    /// How long it goes on accepting after it has said that it is not ready.
    package var lameDuck: Duration
    /// How long a connection without a request is kept for one more.
    package var idleGrace: Duration

    init(reading section: Section) {
        drain = section.value(
            "drain", .duration(in: .zero ... .seconds(3_600)), default: .seconds(30),
            "How long requests in flight may take to end after SIGTERM; past it they are cut off.")
        lameDuck = section.value(
            "lame_duck", .duration(in: .zero ... .seconds(3_600)), default: .zero,
            "How long connections are still accepted after SIGTERM while /readyz says 503, for load balancers to notice."
        )
        idleGrace = section.value(
            "idle_grace", .duration(in: .zero ... .seconds(3_600)), default: .seconds(1),
            "How long a connection between two requests is kept for one more, answered with Connection: close, before it is closed; at most `drain`."
        )
    }
}
