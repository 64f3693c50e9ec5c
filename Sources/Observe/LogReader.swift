import Coding
import Foundation

/// Reads log files, plain or gzipped, line by line in bounded memory.
package struct LogReader: Sendable {
    /// What was met on the way.
    package struct Findings: Sendable, Equatable {
        /// Lines read.
        package var lines = 0
        /// Lines that are no record, or too long for one; they are skipped.
        package var malformed = 0
        /// Lines that the log says it lost.
        package var dropped = 0
        /// Files that end inside a gzip member, or turn into something else; what was before is read.
        package var damagedFiles: [String] = []
        /// Files that could not be read, with the reason.
        package var unreadableFiles: [String] = []

        /// Nothing met.
        package init() {}
    }

    /// What was met so far.
    package private(set) var findings = Findings()

    /// A reader that has met nothing.
    package init() {}

    /// Gives every decision of a file to `take`; a file that cannot be read is noted and is no error.
    package mutating func readDecisions(of path: String, _ take: (DecisionRecord) -> Void) {
        var lines = 0
        var malformed = 0
        var dropped = 0
        readLines(of: path) { line in
            guard !line.isEmpty else { return }
            lines += 1
            if let record = DecisionRecord(line: line) {
                take(record)
            } else if let notice = DropNotice(line: line) {
                dropped += notice.dropped
            } else {
                malformed += 1
            }
        }
        findings.lines += lines
        findings.malformed += malformed
        findings.dropped += dropped
    }

    /// Gives every line of a file to `take`, without its newline; an unfinished last line too. A file that its log has gzipped
    /// since it was named is read where it is now.
    package mutating func readLines(of path: String, _ take: (ArraySlice<UInt8>) -> Void) {
        var descriptor = open(path, O_RDONLY | O_CLOEXEC)
        let code = errno
        if descriptor < 0, code == ENOENT, LogFileList.isRotatedPlain(path) {
            descriptor = open(path + ".gz", O_RDONLY | O_CLOEXEC)
        }
        guard descriptor >= 0 else { return refuse(path, code) }
        defer { close(descriptor) }
        var splitter = LineSplitter()
        var inflater: Inflater?
        var buffer = [UInt8](repeating: 0, count: Gzip.pieceBytes)
        var isFirst = true
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            let code = errno
            if count < 0, code == EINTR { continue }
            guard count >= 0 else { return refuse(path, code) }
            guard count > 0 else { break }
            // RFC 1952 §2.3.1: ID1 and ID2 tell gzip, whatever the file's name.
            if isFirst, count >= 2, buffer[0] == 0x1F, buffer[1] == 0x8B {
                inflater = Inflater(.gzip, limits: .ownFiles)
            }
            isFirst = false
            guard let inflater else {
                splitter.split(buffer[..<count], take)
                continue
            }
            guard Self.inflate(buffer[..<count], by: inflater, { splitter.split($0, take) }) else { break }
        }
        // A line that a damaged file cuts off is no line; one at the end of a whole file only lacks its newline.
        if let inflater, (try? inflater.finish()) == nil {
            findings.damagedFiles.append(path)
        } else {
            splitter.end(take)
        }
        findings.malformed += splitter.overlong
        findings.lines += splitter.overlong
    }

    /// Gives the plain bytes to `take`; false when nothing further can be read.
    private static func inflate(
        _ coded: ArraySlice<UInt8>, by inflater: Inflater, _ take: (ArraySlice<UInt8>) -> Void
    ) -> Bool {
        coded.withUnsafeBytes { bytes in
            (try? inflater.inflate(bytes) { plain in take(ArraySlice(plain)) }) != nil
        }
    }

    private mutating func refuse(_ path: String, _ code: Int32) {
        findings.unreadableFiles.append("\(path): \(LogFileError(code: code))")
    }
}
