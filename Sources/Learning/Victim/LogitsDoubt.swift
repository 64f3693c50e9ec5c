import Query
import Synchronization

/// Whether everything that an endpoint is said to answer as logits has looked like probabilities so far.
final class LogitsDoubt: Sendable {
    private struct Heard {
        var rows = 0
        var lookLikeProbabilities = true
    }
    /// Reads answers as probabilities; nil where they are not said to be logits.
    private let reader: AnswerReader?
    private let heard = Mutex(Heard())

    /// Nothing heard yet of answers of the format.
    init(_ format: AnswerFormat) {
        var probabilities = format
        (probabilities.kind, probabilities.sumTolerance) = (.probabilities, 1e-3)
        reader = format.kind == .logits ? AnswerReader(probabilities) : nil
    }

    /// Takes an answer in. Once one is no row of probabilities none is read again.
    func hear(_ body: [UInt8], rows: Int) {
        guard let reader, heard.withLock({ $0.lookLikeProbabilities }) else { return }
        let looks = (try? reader.read(body, rows: rows)) != nil
        heard.withLock { heard in
            heard.rows += rows
            heard.lookLikeProbabilities = heard.lookLikeProbabilities && looks
        }
    }

    /// A warning where there was an answer, and nothing but such answers; nil else.
    var warning: String? {
        let heard = heard.withLock { $0 }
        guard heard.rows > 0, heard.lookLikeProbabilities else { return nil }
        return """
            warning: of what the victim answers as logits, all \(heard.rows) rows are not negative and sum to 1: they look like \
            probabilities. Where they are, end this and give --victim-answer probabilities: read as logits they become nearly \
            the same for every class, and their deviation is wrong
            """
    }
}
