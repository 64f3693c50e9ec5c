import Learning
import Tensor

/// One attack's account with its victim: it counts, records, stops, and goes on from an unfinished record.
///
/// A run resumes by asking its first queries again of the record instead of the victim: an attack is a
/// function of its seed and the answers, so nothing else has to be stored.
package final class AttackSession {
    /// Where the session keeps an unfinished run.
    package struct Checkpoint: Sendable {
        package let path: String
        /// What tells the run from others that would ask the same.
        package let run: String
        /// Between two writings.
        package var pause = Duration.seconds(30)

        /// A file that is replaced now and then.
        package init(path: String, of run: String = "") { (self.path, self.run) = (path, run) }

        /// What the run that was cut off has left there.
        package func earlier() throws(AttackError) -> AttackRecord? {
            try AttackTrace.unfinished(path, of: run)
        }
    }

    /// The most queries that are kept; later ones are asked and counted, but neither recorded nor resumed.
    package static let recordedMax = 1 << 18

    /// The pictures that the victim takes.
    package let image: ImageShape
    /// The number of its classes.
    package let classes: Int
    /// The most counted queries.
    package let budget: Int
    package let workspace: Workspace
    package let stop: StopFlag
    /// Everything asked so far.
    package private(set) var record: AttackRecord
    /// Counted queries so far.
    package private(set) var asked = 0
    private let oracle: any VictimOracle
    private let earlier: AttackRecord?
    private let checkpoint: Checkpoint?
    private let show: (_ asked: Int, _ budget: Int) -> Void
    private var position = 0
    private var lastWritten = ContinuousClock.now

    /// A session with `budget` queries; `earlier` is the record of the unfinished run to go on from.
    package init(
        oracle: any VictimOracle, budget: Int, workspace: Workspace, stop: StopFlag = StopFlag(),
        earlier: AttackRecord? = nil, checkpoint: Checkpoint? = nil,
        show: @escaping (_ asked: Int, _ budget: Int) -> Void = { _, _ in }
    ) {
        self.oracle = oracle
        self.budget = budget
        self.workspace = workspace
        self.stop = stop
        self.earlier = earlier
        self.checkpoint = checkpoint
        self.show = show
        image = oracle.image
        classes = oracle.classes
        record = AttackRecord(image: oracle.image)
    }

    /// Counted queries that are left.
    package var remaining: Int { max(0, budget - asked) }

    /// Asks about a batch, of which only as many rows as the budget has left are asked; one reply for each of
    /// these.
    ///
    /// Uncounted queries cost no budget: seeds whose answers the thief is granted.
    package func ask(
        _ queries: Tensor, origin: QueryOrigin = .attack, counted: Bool = true
    ) throws(AttackError) -> [OracleReply] {
        try check()
        let count = counted ? min(remaining, queries.rows) : queries.rows
        let rows = count == queries.rows ? queries : queries.rows(0..<count)
        var replies = try replayed(rows)
        if !replies.isEmpty { try take(rows.rows(0..<replies.count), replies, origin, counted) }
        while replies.count < count {
            try check()
            let part = rows.rows(
                replies.count..<replies.count + min(max(1, oracle.rowsTogether), count - replies.count))
            let found: [OracleReply]
            do throws(OracleError) {
                found = try oracle.ask(part)
            } catch {
                try keep(now: true)
                throw error == .stopped ? .stopped(asked: asked) : .oracle(error)
            }
            replies += found
            try take(part, found, origin, counted)
        }
        return replies
    }

    /// Counts, records and tells a part of a batch with its replies.
    private func take(
        _ part: Tensor, _ replies: [OracleReply], _ origin: QueryOrigin, _ counted: Bool
    ) throws(AttackError) {
        if counted { asked += part.rows }
        let room = min(part.rows, Self.recordedMax - record.count)
        if room > 0 { record.append(part.rows(0..<room), Array(replies.prefix(room)), origin: origin) }
        show(asked, budget)
        try keep()
    }

    /// Throws once someone asked to stop; what was asked is on the disk then.
    package func check() throws(AttackError) {
        guard stop.isRaised else { return }
        try keep(now: true)
        throw .stopped(asked: asked)
    }

    /// The replies that the unfinished run got to the first of these queries.
    private func replayed(_ queries: Tensor) throws(AttackError) -> [OracleReply] {
        guard let earlier, position < earlier.count else { return [] }
        let count = min(queries.rows, earlier.count - position)
        let size = image.count
        let known = earlier.values[position * size..<(position + count) * size]
        guard known.elementsEqual(queries.values.prefix(count * size)) else {
            throw .replayDiffers(query: position)
        }
        defer { position += count }
        return Array(earlier.replies[position..<position + count])
    }

    private func keep(now: Bool = false) throws(AttackError) {
        guard let checkpoint, record.count > (earlier?.count ?? 0) else { return }
        guard now || ContinuousClock.now - lastWritten > checkpoint.pause else { return }
        try AttackTrace.writeUnfinished(record, classes: classes, of: checkpoint.run, to: checkpoint.path)
        lastWritten = .now
    }
}
