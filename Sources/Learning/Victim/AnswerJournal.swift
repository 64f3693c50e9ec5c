import Foundation
import SAME

/// The answers received so far, appended batch by batch so that an interruption costs no question twice.
///
/// One JSON object a line: first `{"asked":HOW,"images":DIGEST,"victim":URL}`, then `{"row":N,"answer":[…]}`. A last line
/// torn by a crash is dropped.
package struct AnswerJournal {
    private struct Head: Codable {
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

    /// Opens the journal at `path`, or begins one; one that holds no answer is begun anew. Addresses are of one victim however
    /// they are spelt.
    ///
    /// **Throws** where the answers that it holds are to other images, of another victim, or were asked for in another way: they
    /// may have been paid for, so that they are neither used here nor removed.
    package init(
        _ path: String, imagesDigest: String, victim: String, asked: String = ""
    ) throws(AnswerJournalError) {
        self.path = path
        let head = Head(images: imagesDigest, victim: VictimURL.canonical(victim), asked: asked)
        guard FileManager.default.fileExists(atPath: path) else {
            try replace(with: Self.encoded([head]))
            return
        }
        let bytes: [UInt8]
        do {
            bytes = try FileBytes.read(path, bytesMax: Self.bytesMax)
        } catch {
            throw .file(error)
        }
        guard Self.holdsAnswers(bytes) else {
            try replace(with: Self.encoded([head]))
            return
        }
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[...$0] } ?? []
        try adopt(whole, head)
        if whole.count < bytes.count { try replace(with: Array(whole)) }
    }

    private func replace(with bytes: [UInt8]) throws(AnswerJournalError) {
        do {
            try FileBytes.replace(path, with: bytes)
        } catch {
            throw .file(error)
        }
    }

    /// Whether the file at `path` holds an answer: more than its first line.
    static func holdsAnswers(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        return holdsAnswers((try? handle.read(upToCount: 1 << 16)) ?? Data())
    }

    private static func holdsAnswers(_ start: some Collection<UInt8>) -> Bool {
        start.firstIndex(of: UInt8(ascii: "\n")).map { start.index(after: $0) < start.endIndex } ?? false
    }

    /// Adds answers; they are on the disk when this returns.
    package mutating func append(rows: [Int], answers added: [[Float]]) throws(FileError) {
        let lines = zip(rows, added).map { Line(row: $0, answer: $1) }
        try FileBytes.append(Self.encoded(lines), to: path)
        for line in lines { answers[line.row] = line.answer }
    }

    private mutating func adopt(_ bytes: ArraySlice<UInt8>, _ head: Head) throws(AnswerJournalError) {
        let decoder = JSONDecoder()
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard let first = lines.first, let found = try? decoder.decode(Head.self, from: Data(first)) else {
            throw .unreadable(path: path)
        }
        guard VictimURL.canonical(found.victim) == head.victim else {
            throw .otherVictim(path: path, found: found.victim, wanted: head.victim)
        }
        guard found.images == head.images else { throw .otherImages(path: path) }
        guard found.asked == head.asked else {
            throw .askedOtherwise(path: path, found: found.asked, wanted: head.asked ?? "")
        }
        for bytes in lines.dropFirst() {
            guard let line = try? decoder.decode(Line.self, from: Data(bytes)) else { continue }
            answers[line.row] = line.answer
        }
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

/// Why a journal of answers cannot be gone on with. The answers stay where they are.
package enum AnswerJournalError: Error, Hashable, Sendable {
    case file(FileError)
    /// Its first line says nothing of what was asked.
    case unreadable(path: String)
    case otherVictim(path: String, found: String, wanted: String)
    case otherImages(path: String)
    case askedOtherwise(path: String, found: String?, wanted: String)
}

extension AnswerJournalError: CustomStringConvertible {
    /// A sentence that says what the journal holds and what to do.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .unreadable(let path): "\(path) does not say which victim was asked about what. \(Self.advice)"
        case .otherVictim(let path, let found, let wanted):
            "\(path) holds answers of the victim at \(found), not of \(wanted). "
                + "Ask that one again (--victim \(found)), or begin anew: \(Self.advice)"
        case .otherImages(let path):
            "\(path) holds answers to other images. Give those, or begin anew: \(Self.advice)"
        case .askedOtherwise(let path, let found, let wanted):
            "\(path) holds answers that were asked for in another way (\(found ?? "which it does not say")), "
                + "not in this (\(wanted)). Ask as before, or begin anew: \(Self.advice)"
        }
    }

    private static let advice =
        "give another folder (--checkpoint), or move the file away or remove it, if its answers are of no use any more"
}
