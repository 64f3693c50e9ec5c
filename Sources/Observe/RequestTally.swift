/// What became of whole requests, in bounded memory: one fares as the worst of its rows.
///
/// A gateway writes the rows of a request one behind the other, with lines of its other loops between them at most. A request
/// is remembered until all its rows have come. Of those that lack some, which a log that lost lines has, only so many are
/// remembered; the oldest of more counts as what is known of it.
package struct RequestTally: Sendable, Equatable {
    /// What was counted.
    package struct Counts: Sendable, Equatable {
        /// By route and verdict.
        package fileprivate(set) var routes: [String: [DecisionRecord.Verdict: Int]] = [:]
        /// What other bands would have made of them, where asked for.
        package fileprivate(set) var replay = Replay.Tally()

        /// By verdict.
        package var verdicts: [DecisionRecord.Verdict: Int] {
            routes.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        /// All requests.
        package var total: Int { verdicts.values.reduce(0, +) }

        fileprivate mutating func add(_ request: Request) {
            // Rows that the filter left aside are no request of interest.
            guard let verdict = request.verdict else { return }
            routes[request.route, default: [:]][verdict, default: 0] += 1
            if let ruling = request.ruling { replay.add(ruling) }
        }
    }

    /// A request whose rows have not all come, or have.
    fileprivate struct Request: Sendable, Equatable {
        /// Rows that are still to come.
        var left: Int
        /// Its place among all that were remembered.
        let number: Int
        var route = ""
        /// The worst verdict; nil when no row was of interest.
        var verdict: DecisionRecord.Verdict?
        var ruling: Replay.Ruling?
    }

    /// More requests than a gateway's loops have under way at once.
    private static let openMax = 256

    private var complete = Counts()
    private var open: [String: Request] = [:]
    private var remembered = 0

    /// All requests, those among them that lack rows.
    package var counts: Counts {
        open.values.reduce(into: complete) { $0.add($1) }
    }

    /// What of a row is of interest.
    struct Row {
        /// Its route and verdict under the names of the summary.
        let route: String
        let verdict: DecisionRecord.Verdict
        /// What other bands would make of it, where asked for.
        let ruling: Replay.Ruling?
    }

    /// Counts a line of the log, which says nothing of interest where the filter has left it aside.
    mutating func add(_ record: DecisionRecord, _ row: Row?) {
        let rows = record.row == nil ? 1 : max(1, record.rows)
        var request = open.removeValue(forKey: record.requestID) ?? Request(left: rows, number: remembered)
        request.left -= 1
        if let row {
            request.route = row.route
            request.verdict = request.verdict?.worse(row.verdict) ?? row.verdict
            request.ruling = row.ruling.map { request.ruling?.joined($0) ?? $0 }
        }
        guard request.left > 0 else { return complete.add(request) }
        remembered += 1
        open[record.requestID] = request
        guard open.count > Self.openMax, let oldest = open.min(by: { $0.value.number < $1.value.number })
        else { return }
        open[oldest.key] = nil
        complete.add(oldest.value)
    }
}
