/// How the queries of one route are decoded, scored and decided.
package struct ProtectSettings: Sendable, Equatable {
    /// The wire format of requests and answers.
    package enum WireProtocol: String, Sendable, CaseIterable {
        /// TensorFlow Serving's `:predict`, rows and columns.
        case tensorFlowServing = "tensorflow-serving"
        /// The Open Inference Protocol's `/infer`: KServe's version 2, Triton.
        case openInference = "open-inference"
    }

    /// Whether verdicts are carried out.
    package enum Mode: String, Sendable, CaseIterable {
        /// Verdicts are carried out.
        case enforce
        /// Verdicts are computed and logged, and every answer passes.
        case observe
    }

    /// What happens to a query that cannot be scored or decided.
    package enum Fallback: String, Sendable, CaseIterable {
        /// Refused: nothing gets by unscored.
        case reject
        /// Passed on unscored, logged and counted.
        case pass
    }

    /// What the upstream is told of codings that it may use.
    package enum UpstreamCoding: String, Sendable, CaseIterable {
        /// None: the gateway has to read the answer.
        case identity
        /// Those that the gateway can undo.
        case gzip
    }

    /// The name of the model that scores.
    package var model: String
    /// The wire format.
    package var wireProtocol: WireProtocol
    /// How a query's numbers become a picture.
    package var input: InputSettings
    /// What the upstream's answer holds.
    package var answer: AnswerSettings
    /// The name of the policy that decides.
    package var policy: String
    /// Whether verdicts are carried out.
    package var mode: Mode
    /// For a body that is not the protocol's.
    package var onUndecodable: Fallback
    /// For an answer without readable probabilities.
    package var onUnreadableAnswer: Fallback
    /// For a query that finds the scoring queue full, and is its client's only one (`scoring.share_by`).
    package var onOverload: Fallback
    /// Whether the upstream gets the body as the client coded it.
    package var forwardsEncoded: Bool
    /// What the upstream is told of codings that it may use.
    package var acceptEncoding: UpstreamCoding

    init(reading section: Section) {
        model = section.required("model", .name, "The model that scores.")
        wireProtocol = section.value(
            "protocol", .choice(), default: .tensorFlowServing,
            "The wire format of requests and answers: TensorFlow Serving's `:predict`, which is KServe's version 1 too, or the Open Inference Protocol's `/infer` with its raw tensors (KServe's version 2, Triton, MLServer, OpenVINO Model Server)."
        )
        input = section.requiredSection(
            "input", "How a query's numbers become what the model was trained on; a wrong one ruins scores."
        ) { [wireProtocol] in
            InputSettings(reading: $0, of: wireProtocol)
        }
        answer = section.requiredSection(
            "answer", "What the upstream's answer holds.", AnswerSettings.init(reading:))
        policy = section.required("policy", .name, "The policy that decides.")
        mode = section.value(
            "mode", .choice(), default: .enforce,
            "Whether verdicts are carried out, or only computed and logged.")
        onUndecodable = section.value(
            "on_undecodable", .choice(), default: .reject, "For a body that is not the protocol's.")
        onUnreadableAnswer = section.value(
            "on_unreadable_answer", .choice(), default: .reject,
            "For a 2xx answer without readable probabilities; `pass` still lets the score without them decide."
        )
        onOverload = section.value(
            "on_overload", .choice(), default: .pass,
            "For a query that finds the scoring queue full, and is its client's only one (`scoring.share_by`). A body over 64 KiB that may hold several pictures, or is coded, is refused then under an enforced policy, with 503, whatever this says: only a worker could read it. In observe mode it passes unread."
        )
        forwardsEncoded = section.value(
            "forward_encoded", .boolean, default: false,
            "Whether the upstream gets a body as the client coded it, not decoded: its decoder then decides what it sees."
        )
        acceptEncoding = section.value(
            "accept_encoding", .choice(), default: .identity,
            "What the upstream may code its answers with; `gzip` is for one behind a slow network, and allows deflate too."
        )
    }
}

/// How a query's numbers become a picture.
package struct InputSettings: Sendable, Equatable {
    /// The order of a picture's axes.
    package enum Layout: String, Sendable, CaseIterable {
        /// Height, width, channels.
        case heightWidthChannels = "HWC"
        /// Channels, height, width.
        case channelsHeightWidth = "CHW"
    }

    /// The types that the Open Inference Protocol gives numbers.
    package enum Datatype: String, Sendable, CaseIterable {
        case uint8 = "UINT8"
        case uint16 = "UINT16"
        case uint32 = "UINT32"
        case uint64 = "UINT64"
        case int8 = "INT8"
        case int16 = "INT16"
        case int32 = "INT32"
        case int64 = "INT64"
        case float16 = "FP16"
        case float32 = "FP32"
        case float64 = "FP64"
    }

    /// The order of axes in a query.
    package var layout: Layout
    /// The numbers that black and white have in a query.
    package var range: ClosedRange<Double>
    /// The input's name where a query names its tensors.
    package var name: String?
    /// The type that a query's tensor must have; nil for any type of numbers.
    package var datatype: Datatype?
    /// The only signature of the model that a query may ask; nil for the protocol's default.
    package var signature: String?

    init(reading section: Section, of wireProtocol: ProtectSettings.WireProtocol) {
        layout = section.required("layout", .choice(), "The order of a picture's axes.")
        range = section.required(
            "range", .span(of: .number(in: -1e6...1e6)),
            "The numbers for black and for white, such as [0, 1], [-1, 1] or [0, 255].")
        name = section.optional(
            "name", .text(longest: 128), absent: "the only input",
            "The name of the picture's tensor, where queries name theirs.")
        datatype = section.optional(
            "datatype", .choice(), absent: "any number",
            "The type that the picture's tensor must have, with `protocol: open-inference`.")
        signature = section.optional(
            "signature", .text(longest: 128), absent: "serving_default",
            "The only `signature_name` that queries may ask, or leave out where it is serving_default.")
        // What belongs to the other protocol would be ignored.
        switch wireProtocol {
        case .tensorFlowServing where datatype != nil:
            section.complain(
                "goes with protocol: open-inference; TensorFlow Serving's numbers have no type",
                about: "datatype")
        case .openInference where signature != nil:
            section.complain("goes with protocol: tensorflow-serving", about: "signature")
        default: break
        }
    }
}

/// What the upstream's answer holds.
package struct AnswerSettings: Sendable, Equatable {
    /// What the numbers of an answer are.
    package enum Kind: String, Sendable, CaseIterable {
        /// Probabilities that sum to 1.
        case probabilities
        /// Natural logarithms of probabilities.
        case logProbabilities = "log-probabilities"
        /// Numbers whose softmax is the probabilities.
        case logits
        /// The largest probabilities alone.
        case topK = "top-k"
        /// The most probable class alone.
        case labels

        /// Whether an answer tells the probability of every class.
        package var isDistribution: Bool { self != .topK && self != .labels }
    }

    /// What the numbers are.
    package var kind: Kind
    /// The output's name where an answer names its tensors.
    package var name: String?

    init(reading section: Section) {
        kind = section.required(
            "kind", .choice(),
            "What an answer holds of each query. Of `top-k` (some of the largest probabilities) and `labels` a score is made without the terms that need more."
        )
        name = section.optional(
            "name", .text(longest: 128), absent: "the only output",
            "The name of the probabilities' tensor, where answers name theirs.")
    }
}
