import Foundation
import Neural
import SAME
import Tensor

/// **File format** safetensors: `queries` (N, C, H, W), `answers` (N, K) with zeros for a refusal, `replies`
/// (N): 0 for an answer, else 1 and more by kind of refusal, `origins` (N), and the substitute's weights
/// under `substitute.`. Metadata: `format` (`samegate-attack`), `version` (`1`) and, of a finished run,
/// `summary` as JSON, of an unfinished one `run`: what tells it from others.
extension AttackTrace {
    /// What a file says it is.
    package static let formatName = "samegate-attack"
    private static let bytesMax = 4 << 30

    /// Writes the trace, whole or not at all.
    package func write(to path: String) throws(AttackError) {
        let classes = substitute?.architecture.classes ?? 0
        var tensors = Self.tensors(record, classes: classes)
        for (name, tensor) in substitute?.stateDict ?? [:] { tensors["substitute." + name] = tensor }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let json = try? encoder.encode(summary) else {
            throw .trace(path: path, reason: "its summary holds a number that JSON cannot express")
        }
        try Self.write(tensors, ["summary": String(decoding: json, as: UTF8.self)], to: path)
    }

    /// Writes what an unfinished run has asked so far.
    static func writeUnfinished(
        _ record: AttackRecord, classes: Int, of run: String = "", to path: String
    ) throws(AttackError) {
        try write(tensors(record, classes: classes), ["run": run], to: path)
    }

    private static func write(
        _ tensors: StateDict, _ metadata: [String: String], to path: String
    ) throws(AttackError) {
        let file = Safetensors(
            tensors: tensors, metadata: metadata.merging(["format": formatName, "version": "1"]) { $1 })
        do throws(FileError) {
            try FileBytes.replace(path, with: file.bytes)
        } catch .unwritable(let path, let reason) {
            throw .unwritable(path: path, reason: reason)
        } catch {
            throw .trace(path: path, reason: error.description)
        }
    }

    private static func tensors(_ record: AttackRecord, classes: Int) -> StateDict {
        let (count, image) = (record.count, record.image)
        var answers: [Float] = []
        answers.reserveCapacity(count * classes)
        for reply in record.replies { answers += reply.answer ?? [Float](repeating: 0, count: classes) }
        let codes = record.replies.map { reply -> Float in
            guard case .refused(let reason) = reply else { return 0 }
            return Float((OracleRefusal.allCases.firstIndex(of: reason) ?? 0) + 1)
        }
        return [
            "queries": Tensor(
                shape: [count, image.channels, image.height, image.width], values: record.values),
            "answers": Tensor(shape: [count, classes], values: answers),
            "replies": Tensor(shape: [count], values: codes),
            "origins": Tensor(shape: [count], values: record.origins.map { Float($0.rawValue) }),
        ]
    }

    /// Reads a finished trace, strictly.
    package init(contentsOf path: String) throws(AttackError) {
        let file = try Self.read(path)
        guard let text = file.metadata["summary"],
            let summary = try? JSONDecoder().decode(Summary.self, from: Data(text.utf8))
        else { throw .trace(path: path, reason: "it has no summary: the run is unfinished") }
        self.summary = summary
        record = try Self.record(file, path)
        var state: StateDict = [:]
        for (name, tensor) in file.tensors where name.hasPrefix("substitute.") {
            state[String(name.dropFirst("substitute.".count))] = tensor
        }
        do {
            substitute = try summary.architecture.map { try Classifier($0, state: state) }
        } catch {
            throw .trace(path: path, reason: "\(error)")
        }
    }

    /// The record of an unfinished run, or nil when there is no such file. **Throws** also where it is of another run: the
    /// answers of one victim are none of another's.
    package static func unfinished(_ path: String, of run: String = "") throws(AttackError) -> AttackRecord? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file = try read(path)
        guard file.metadata["run"] == run else {
            throw .trace(
                path: path,
                reason:
                    "it is left of a run with another victim, other pictures or options: remove it, or go on with those"
            )
        }
        return try record(file, path)
    }

    private static func read(_ path: String) throws(AttackError) -> Safetensors {
        do {
            let file = try Safetensors(bytes: try FileBytes.read(path, bytesMax: bytesMax))
            guard file.metadata["format"] == formatName, file.metadata["version"] == "1" else {
                throw AttackError.trace(
                    path: path, reason: "its metadata does not say \(formatName), version 1")
            }
            return file
        } catch let error as AttackError {
            throw error
        } catch {
            throw .trace(path: path, reason: "\(error)")
        }
    }

    private static func record(_ file: Safetensors, _ path: String) throws(AttackError) -> AttackRecord {
        guard let queries = file.tensors["queries"], let answers = file.tensors["answers"],
            let replies = file.tensors["replies"], let origins = file.tensors["origins"],
            queries.shape.count == 4, answers.shape.count == 2, replies.shape == [queries.rows],
            origins.shape == replies.shape, answers.rows == queries.rows, queries.rowCount > 0
        else { throw .trace(path: path, reason: "its tensors do not fit together") }
        let image = ImageShape(channels: queries.shape[1], height: queries.shape[2], width: queries.shape[3])
        var record = AttackRecord(image: image)
        let flat = queries.reshaped([queries.rows, image.count])
        for row in 0..<queries.rows {
            guard let origin = QueryOrigin(code: origins.values[row]),
                let reply = OracleReply(code: replies.values[row], answer: Array(answers.row(row)))
            else { throw .trace(path: path, reason: "query \(row) has a code that means nothing") }
            record.append(flat.rows(row..<row + 1), [reply], origin: origin)
        }
        return record
    }
}

extension QueryOrigin {
    fileprivate init?(code: Float) {
        guard let code = UInt8(exactly: code) else { return nil }
        self.init(rawValue: code)
    }
}

extension OracleReply {
    fileprivate init?(code: Float, answer: [Float]) {
        guard let code = Int(exactly: code), code >= 0, code <= OracleRefusal.allCases.count else {
            return nil
        }
        self = code == 0 ? .answered(answer) : .refused(OracleRefusal.allCases[code - 1])
    }
}
