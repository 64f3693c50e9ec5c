import Foundation
import SAME

/// The answers received so far, appended batch by batch so that an interruption costs no question twice.
///
/// One JSON object a line: first `{"asked":HOW,"images":DIGEST,"victim":URL}`, then `{"row":N,"answer":[…]}`. A last line
/// torn by a crash is dropped.
package struct AnswerJournal {
    private struct Head: Codable, Equatable {
        var images: String
        var victim: String
        /// How the victim is asked and its answers are read; journals of earlier programs do not say it.
        var asked: String?
    }
    private struct Line: Codable {
        var row: Int
        var answer: [Float]
    }
    private static let bytesMax = 4 << 30

    private let path: String
    /// The answers by row.
    package private(set) var answers: [Int: [Float]] = [:]

    /// Opens the journal at `path`, or begins one. One about other images or another victim, or whose victim was asked in
    /// another way, is begun anew; the answers that it holds are kept beside it, as `path.before`.
    package init(_ path: String, imagesDigest: String, victim: String, asked: String = "") throws(FileError) {
        self.path = path
        let head = Head(images: imagesDigest, victim: victim, asked: asked)
        if FileManager.default.fileExists(atPath: path) {
            let bytes = try FileBytes.read(path, bytesMax: Self.bytesMax)
            let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[...$0] } ?? []
            if adopt(whole, head) {
                if whole.count < bytes.count { try FileBytes.replace(path, with: Array(whole)) }
                return
            }
            if Self.holdsAnswers(path) { try FileBytes.replace(path + ".before", with: bytes) }
        }
        try FileBytes.replace(path, with: Self.encoded([head]))
    }

    /// Whether the file at `path` holds an answer: more than its first line.
    static func holdsAnswers(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        let start = (try? handle.read(upToCount: 1 << 16)) ?? Data()
        return start.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 < start.count } ?? false
    }

    /// Adds answers; they are on the disk when this returns.
    package mutating func append(rows: [Int], answers added: [[Float]]) throws(FileError) {
        let lines = zip(rows, added).map { Line(row: $0, answer: $1) }
        try FileBytes.append(Self.encoded(lines), to: path)
        for line in lines { answers[line.row] = line.answer }
    }

    private mutating func adopt(_ bytes: ArraySlice<UInt8>, _ head: Head) -> Bool {
        let decoder = JSONDecoder()
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard let first = lines.first,
            (try? decoder.decode(Head.self, from: Data(first))) == head
        else { return false }
        for bytes in lines.dropFirst() {
            guard let line = try? decoder.decode(Line.self, from: Data(bytes)) else { continue }
            answers[line.row] = line.answer
        }
        return true
    }

    private static func encoded(_ lines: [some Encodable]) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var bytes: [UInt8] = []
        for line in lines {
            guard let text = try? encoder.encode(line) else { continue }
            bytes += text
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }
}
