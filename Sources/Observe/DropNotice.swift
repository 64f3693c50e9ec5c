import Foundation

/// A line that says how many lines a log lost before it, so that a reader knows what the file does not hold.
package struct DropNotice: Sendable, Equatable, LogRecord {
    /// When the loss was noted.
    package var time: WallTime
    /// The lines lost since the last notice.
    package var dropped: Int

    /// A notice.
    package init(time: WallTime, dropped: Int) {
        self.time = time
        self.dropped = dropped
    }

    /// Adds the notice's fields.
    package func encode(into line: inout JSONLine) {
        line.field("time", time)
        line.field("dropped", dropped)
    }

    /// Reads a line of a log; nil when it is not a notice.
    package init?(line: some Collection<UInt8>) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
            object.count == 2,
            let time = (object["time"] as? String).flatMap({ WallTime(rfc3339: $0) }),
            let dropped = object["dropped"] as? Int, (0...Int(Int32.max)).contains(dropped)
        else { return nil }
        self.init(time: time, dropped: dropped)
    }
}
