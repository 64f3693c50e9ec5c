/// Connections to a server, and how long they are kept.
package struct UpstreamConnectionSettings: Sendable, Equatable {
    /// At once.
    package var most: Int
    /// Of these, unused ones; nil for all.
    package var idleMost: Int?
    /// How long an unused one is kept.
    package var idleTimeout: Duration
    /// Requests that one carries; nil for any number.
    package var requests: Int?
    /// How long one is given requests; nil for ever.
    package var lifetime: Duration?

    init(reading section: Section) {
        most = section.value(
            "connections", .integer(in: 1...100_000), default: 256, "Connections to each server at once.")
        idleMost = section.optional(
            "idle_connections", .integer(in: 0...100_000), absent: "as connections",
            "How many of a server's connections may be unused; further ones are closed when they have done.")
        idleTimeout = section.value(
            "idle_timeout", .duration(in: .milliseconds(10) ... .seconds(3600)), default: .seconds(60),
            "How long an unused connection is kept; below the upstream's own keep-alive time is best.")
        requests = section.optional(
            "connection_requests", .integer(in: 1...1_000_000_000), absent: "no bound",
            "Requests that one connection carries before it is closed.")
        lifetime = section.optional(
            "connection_lifetime", .duration(in: .seconds(1) ... .seconds(86_400)), absent: "no bound",
            "How long a connection is given further requests.")
    }
}

/// How long what of a request to an upstream may take.
package struct UpstreamDeadlineSettings: Sendable, Equatable {
    /// To establish a connection.
    package var connect: Duration
    /// To wait for a free one; nil for as long as establishing one may take.
    package var queue: Duration?
    /// From the request's last byte to the answer's first.
    package var firstByte: Duration
    /// Silence within an answer, and a server that takes no byte of a request.
    package var answerIdle: Duration
    /// From the first attempt to the answer's last byte; nil for no bound of its own.
    package var total: Duration?

    init(reading section: Section) {
        connect = section.value(
            "connect_timeout", .duration(in: .milliseconds(1) ... .seconds(600)), default: .seconds(1),
            "To establish a connection; past it the client gets 504.")
        queue = section.optional(
            "queue_timeout", .duration(in: .milliseconds(1) ... .seconds(600)), absent: "as connect_timeout",
            "To wait for a free connection; past it the client gets 503.")
        firstByte = section.value(
            "first_byte_timeout", .duration(in: .milliseconds(1) ... .seconds(3600)), default: .seconds(30),
            "From the end of the request to the first byte of the answer; past it the client gets 504.")
        answerIdle = section.value(
            "answer_idle_timeout", .duration(in: .milliseconds(1) ... .seconds(3600)), default: .seconds(15),
            "Longest silence within an answer, and longest time in which a server takes no byte of a request."
        )
        total = section.optional(
            "total_timeout", .duration(in: .milliseconds(1) ... .seconds(3600)),
            absent: "limits.request_timeout alone",
            "From the first attempt to the last byte of the answer, waiting and retries included; past it the client gets"
                + " 504.")
    }
}

/// What retries on other servers may cost.
package struct UpstreamRetryBudgetSettings: Sendable, Equatable {
    /// Retries for each request of the window.
    package var share: Double
    /// Retries a second that are always allowed.
    package var perSecond: Int
    /// The window in seconds.
    package var window: Int

    init(reading section: Section) {
        share = section.value(
            "share", .number(in: 0...1), default: 0.2, "Retries for each request of the last seconds.")
        perSecond = section.value(
            "per_second", .integer(in: 0...1_000_000), default: 3,
            "Retries a second that are allowed however few requests there are.")
        window = section.value(
            "seconds", .integer(in: 1...60), default: 10, "How many last seconds count.")
    }
}

/// Checks of each server's health.
package struct UpstreamHealthSettings: Sendable, Equatable {
    /// What is asked for.
    package var path: String
    /// From one check to the next.
    package var interval: Duration
    /// How long one may take.
    package var timeout: Duration
    /// Good checks in a row that bring a server back.
    package var healthy: Int
    /// Bad checks in a row that take one out.
    package var unhealthy: Int
    /// Which answers are good.
    package var status: ClosedRange<Int>

    init(reading section: Section) {
        path = section.required(
            "path", .requestPath, "What is asked for with GET, as the server spells it.")
        interval = section.value(
            "interval", .duration(in: .milliseconds(100) ... .seconds(3600)), default: .seconds(5),
            "From one check to the next, more or less a tenth, so that gateways do not check in step.")
        timeout = section.value(
            "timeout", .duration(in: .milliseconds(10) ... .seconds(600)), default: .seconds(2),
            "How long a check may take.")
        healthy = section.value(
            "healthy", .integer(in: 1...100), default: 2, "Good checks in a row that bring a server back.")
        unhealthy = section.value(
            "unhealthy", .integer(in: 1...100), default: 3,
            "Bad checks in a row that take a server out; the very first check decides alone.")
        status = section.value(
            "status", .statusRange, default: 200...399, "Which answers are good.")
    }
}

/// When a server that fails is left out for a while.
package struct UpstreamEjectSettings: Sendable, Equatable {
    /// Failures in a row; 0 for never.
    package var failures: Int
    /// For how long at first.
    package var time: Duration
    /// For how long at most.
    package var timeMost: Duration
    /// Which share of the servers may be out at once.
    package var share: Double

    init(reading section: Section) {
        failures = section.value(
            "failures", .integer(in: 0...10_000), default: 5,
            "Failures in a row: no answer, half of one, or 502, 503 or 504. 0: never.")
        time = section.value(
            "time", .duration(in: .milliseconds(10) ... .seconds(3600)), default: .seconds(10),
            "For how long at first; twice as long each further time.")
        timeMost = section.value(
            "time_max", .duration(in: .milliseconds(10) ... .seconds(86_400)), default: .seconds(300),
            "For how long at most; a server that has been good for as long begins anew.")
        share = section.value(
            "share", .number(in: 0...1), default: 0.5,
            "Which share of the servers may be left out at once; one always may where there are others.")
        if timeMost < time, section.trusts("time"), section.trusts("time_max") {
            section.complain("is less than time", about: "time_max")
        }
    }
}
