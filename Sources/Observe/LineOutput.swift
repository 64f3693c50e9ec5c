import Foundation

/// Text for a terminal or another program, written in pieces. Unlike `print`, it does not lose what the system refuses: the first
/// refusal is kept, and what comes after it is left out.
package struct LineOutput {
    /// Why the output has ended; nil while it is taken.
    package private(set) var failure: LogFileError?

    private let descriptor: Int32
    /// Somebody watches each line come.
    private let isTerminal: Bool
    private var held: [UInt8] = []

    /// Writes to the descriptor, which it does not own.
    package init(_ descriptor: Int32 = STDOUT_FILENO) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// Writes a line that lacks its newline.
    package mutating func write(line: ArraySlice<UInt8>) {
        guard failure == nil else { return }
        held += line
        held.append(UInt8(ascii: "\n"))
        if isTerminal || held.count >= Gzip.pieceBytes { put() }
    }

    /// Writes a text as it is.
    package mutating func write(_ text: String) {
        guard failure == nil else { return }
        held += text.utf8
        put()
    }

    /// Writes what has been gathered. **Throws** where this or an earlier piece was refused.
    package mutating func flush() throws(LogFileError) {
        put()
        if let failure { throw failure }
    }

    private mutating func put() {
        var rest = held[...]
        while !rest.isEmpty, failure == nil {
            do throws(LogFileError) {
                rest = rest.dropFirst(try Self.write(rest, to: descriptor))
            } catch {
                failure = error
            }
        }
        held.removeAll(keepingCapacity: true)
    }

    /// Writes what the system takes at once; waits for a reader where somebody has made the descriptor one that does not block.
    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) throws(LogFileError) -> Int {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(LogFileError) in try LocalLogFiles().write(descriptor, bytes) }
        }
        if case .failure(let error) = result, error.code == EAGAIN {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&request, 1, -1)
            return 0
        }
        return try result.get()
    }
}
