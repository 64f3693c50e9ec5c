import ArgumentParser
import Foundation
import Learning
import Query
import SAME
import Tensor

/// Where `fit` has the victim's answers from.
struct FitVictimOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The prediction endpoint to ask, e.g. http://host:8501/v1/models/m:predict.", valueName: "url"))
    var victim: String?
    @Option(
        help: ArgumentHelp(
            "How the endpoint is asked: tensorflow-serving, or open-inference as in http://host:8000/v2/models/m/infer.",
            valueName: "protocol"))
    var victimProtocol: WireProtocol = .tensorFlowServing
    @Option(help: ArgumentHelp("Recorded answers to read instead.", valueName: "file"))
    var answers: String?
    @Option(help: ArgumentHelp("Where to record the answers as well.", valueName: "file"))
    var recordAnswers: String?
    @Option(help: "Order of a picture's dimensions that the endpoint takes: HWC, CHW or HW.")
    var victimLayout: FitLayout = .hwc
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Values of black and white that the endpoint takes, such as -1,1.", valueName: "low,high"))
    var victimRange = "0,1"
    @Option(help: ArgumentHelp("Name of the input tensor, where the endpoint needs one.", valueName: "name"))
    var victimInput: String?
    @Option(help: "Type of the numbers that open-inference sends, such as FP32 (default) or UINT8.")
    var victimDatatype: TensorDatatype?
    @Option(help: ArgumentHelp("Name of the output tensor, where there are several.", valueName: "name"))
    var victimOutput: String?
    @Option(help: "What the endpoint answers: probabilities, log-probabilities, logits or labels.")
    var victimAnswer: FitAnswerKind = .probabilities
    @Option(help: "How many classes there are, which labels do not tell; they are numbers from 0.")
    var victimClasses: Int?
    @Option(help: "Images in one request.")
    var victimBatch = 64
    @Option(help: "Requests under way at once.")
    var victimConcurrency = 4
    @Option(help: "Attempts at one request before giving up.")
    var victimAttempts = 6
    @Option(help: ArgumentHelp("How long one request may take.", valueName: "seconds"))
    var victimTimeout = 60

    func validate() throws {
        if (victim == nil) == (answers == nil) { throw ValidationError("give either --victim or --answers") }
        if answers != nil { try IdleOptions.refuse(asking, "without effect on recorded --answers") }
        if victimDatatype != nil, victimProtocol != .openInference {
            throw ValidationError("--victim-datatype goes with --victim-protocol open-inference")
        }
        let bounds = [
            ("--victim-batch", victimBatch, 1...4096), ("--victim-concurrency", victimConcurrency, 1...256),
            ("--victim-attempts", victimAttempts, 1...100), ("--victim-timeout", victimTimeout, 1...3600),
        ]
        for (name, value, bound) in bounds where !bound.contains(value) {
            throw ValidationError("\(name) must be from \(bound.lowerBound) to \(bound.upperBound)")
        }
        if victimAnswer == .labels, victimClasses == nil {
            throw ValidationError("--victim-answer labels needs --victim-classes")
        }
        if let victimClasses, !(2...65536).contains(victimClasses) {
            throw ValidationError("--victim-classes must be from 2 to 65536")
        }
        _ = try range()
        if let recordAnswers { try checkPlace(recordAnswers) }
    }

    /// What cannot be written is said before anything is asked.
    private func checkPlace(_ path: String) throws {
        do throws(AnswerSetError) {
            try AnswerSet.checkPlace(path)
        } catch {
            throw ValidationError("--record-answers: \(error)")
        }
    }

    /// The options of asking, and whether they were given another value than their own.
    private var asking: [(name: String, isGiven: Bool)] {
        [
            ("--record-answers", recordAnswers != nil),
            ("--victim-protocol", victimProtocol != .tensorFlowServing),
            ("--victim-datatype", victimDatatype != nil), ("--victim-layout", victimLayout != .hwc),
            ("--victim-range", victimRange != "0,1"), ("--victim-input", victimInput != nil),
            ("--victim-output", victimOutput != nil), ("--victim-answer", victimAnswer != .probabilities),
            ("--victim-classes", victimClasses != nil), ("--victim-batch", victimBatch != 64),
            ("--victim-concurrency", victimConcurrency != 4), ("--victim-attempts", victimAttempts != 6),
            ("--victim-timeout", victimTimeout != 60),
        ]
    }

    /// Whether answers tell nothing but a class: a score cannot be made of terms that need more.
    var tellsLabelsAlone: Bool { victimAnswer == .labels }

    /// The answers to `images`, asked or read; those already in the run's journal are not asked again.
    func answers(to images: ImageSet, run: TrainingRun) async throws -> AnswerSet {
        let set = try await heard(of: images, run)
        if let warning = set.constancyWarning { run.say(warning) }
        return set
    }

    private func heard(of images: ImageSet, _ run: TrainingRun) async throws -> AnswerSet {
        if let answers { return try AnswerSet(contentsOf: answers, for: images) }
        let client = try client(images.shape, say: run.say)
        var journal = try AnswerJournal(
            run.journalPath, imagesDigest: images.digest, victim: client.name, asked: client.conventions)
        let set = try await client.ask(images, journal: &journal, stop: run.stop, show: run.show)
        if let recordAnswers { try set.write(to: recordAnswers) }
        return set
    }

    private func client(
        _ shape: ImageShape, say: @escaping @Sendable (String) -> Void
    ) throws -> VictimClient {
        let query = QueryFormat(
            wireProtocol: victimProtocol, inputName: victimInput, datatype: victimDatatype,
            layout: victimLayout.layout, range: try range(), shape: shape)
        if let problem = query.problems.first { throw ValidationError(problem) }
        let answer = AnswerFormat(
            wireProtocol: victimProtocol, outputName: victimOutput, kind: victimAnswer.kind,
            classes: victimClasses, sumTolerance: 0.01)
        var manner = VictimClient.Manner()
        manner.batch = victimBatch
        manner.concurrency = victimConcurrency
        manner.attemptsMax = victimAttempts
        manner.timeout = .seconds(victimTimeout)
        return try VictimClient(url: victim ?? "", query: query, answer: answer, manner: manner, say: say)
    }

    private func range() throws -> ValueRange {
        let ends = victimRange.split(separator: ",").map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low < high, low.isFinite, high.isFinite
        else { throw ValidationError("--victim-range takes two numbers, the lower first, such as 0,1") }
        return ValueRange(low: low, high: high)
    }
}

extension WireProtocol: ExpressibleByArgument {}

extension TensorDatatype: ExpressibleByArgument {
    package init?(argument: String) { self.init(rawValue: argument.uppercased()) }
}

/// The layouts that can be asked for.
enum FitLayout: String, ExpressibleByArgument {
    case hwc, chw, hw

    init?(argument: String) { self.init(rawValue: argument.lowercased()) }

    /// The layout of the query format.
    var layout: PixelLayout {
        switch self {
        case .hwc: .hwc
        case .chw: .chw
        case .hw: .hw
        }
    }
}

/// The kinds of answer that can be read.
enum FitAnswerKind: String, ExpressibleByArgument {
    case probabilities
    case logProbabilities = "log-probabilities"
    case logits
    case labels

    /// The kind of the answer format.
    var kind: AnswerKind {
        switch self {
        case .probabilities: .probabilities
        case .logProbabilities: .logProbabilities
        case .logits: .logits
        case .labels: .labels
        }
    }
}
