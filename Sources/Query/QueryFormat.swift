import Tensor

/// How a route's requests carry pictures: everything that bytes alone do not tell.
package struct QueryFormat: Hashable, Sendable {
    /// The wire protocol.
    package var wireProtocol: WireProtocol
    /// The name of the picture's tensor; nil accepts unnamed tensors and any one name.
    package var inputName: String?
    /// The type that the picture's tensor must have where the protocol names types; nil accepts every type of numbers, and writes
    /// 32-bit floats.
    package var datatype: TensorDatatype?
    /// The only signature of the model that requests may ask, by name or by leaving it out where it is the protocol's default:
    /// what another makes of the same numbers is not what is scored.
    package var signature: String
    /// The order of a picture's dimensions on the wire.
    package var layout: PixelLayout
    /// The interval of the wire's values that becomes −1…1.
    package var range: ValueRange
    /// The picture's shape, which the model's bundle gives.
    package var shape: ImageShape
    /// The most pictures in one request.
    package var rowsMax: Int

    /// The signature that TensorFlow Serving takes for a request that names none.
    package static let defaultSignature = "serving_default"

    /// A format as given; `problems` says what is wrong with it.
    package init(
        wireProtocol: WireProtocol = .tensorFlowServing, inputName: String? = nil,
        datatype: TensorDatatype? = nil, signature: String = QueryFormat.defaultSignature,
        layout: PixelLayout, range: ValueRange,
        shape: ImageShape, rowsMax: Int = 1024
    ) {
        self.wireProtocol = wireProtocol
        self.inputName = inputName
        self.datatype = datatype
        self.signature = signature
        self.layout = layout
        self.range = range
        self.shape = shape
        self.rowsMax = rowsMax
    }

    /// What is wrong with the format, for the operator; empty when nothing is.
    package var problems: [String] {
        var problems: [String] = []
        if layout == .hw, shape.channels != 1 {
            problems.append("input.layout HW is for one channel; the model's pictures have \(shape.channels)")
        }
        if shape.channels < 1 || shape.height < 1 || shape.width < 1 {
            problems.append("the model's picture shape \(shape) is empty")
        }
        if !(range.low < range.high) || !range.low.isFinite || !range.high.isFinite {
            problems.append(
                "input.range [\(range.low), \(range.high)] must be two finite numbers, the lower first")
        }
        if rowsMax < 1 { problems.append("the most rows of a request is \(rowsMax); it must be at least 1") }
        return problems
    }
}

/// The prediction protocols; the raw value is the name in configuration.
package enum WireProtocol: String, CaseIterable, Sendable {
    /// TensorFlow Serving's REST predict call, rows and columns form.
    case tensorFlowServing = "tensorflow-serving"
    /// The Open Inference Protocol's infer call over HTTP (KServe's version 2, Triton), with its binary tensor extension.
    case openInference = "open-inference"
}

/// The order of the dimensions of a picture on the wire; the raw value is the name in configuration.
package enum PixelLayout: String, CaseIterable, Sendable {
    /// Rows of pixels of channels, as TensorFlow has it; a single channel's innermost dimension may be left out.
    case hwc = "HWC"
    /// Planes of rows of pixels, as PyTorch has it; a single channel's outermost dimension may be left out.
    case chw = "CHW"
    /// Rows of pixels of a single channel.
    case hw = "HW"
}

/// The interval of wire values that maps to −1…1.
///
/// Values outside are kept, beyond ±1: refusing or clipping them would hide an attack from the score.
package struct ValueRange: Hashable, Sendable {
    /// The wire value that becomes −1.
    package let low: Double
    /// The wire value that becomes 1.
    package let high: Double
    /// Canonical units in one wire unit.
    private let scale: Double
    /// Whether every level of an 8-bit picture is a whole number on the wire, as in 0…255. A Float has all of them exactly.
    let levelsAreWhole: Bool

    /// The interval from `low` to `high`.
    package init(low: Double, high: Double) {
        self.low = low
        self.high = high
        scale = 2 / (high - low)
        levelsAreWhole =
            low == low.rounded() && (high - low).truncatingRemainder(dividingBy: 255) == 0
            && max(abs(low), abs(high)) <= 0x1p24
    }

    /// The canonical value of a wire value.
    ///
    /// Adding zero makes a negative zero positive: they are one picture and must have one digest.
    @inline(__always)
    func canonical(_ wire: Float) -> Float { Float((Double(wire) - low) * scale - 1) + 0 }

    /// The wire value of a canonical value, to within rounding; exactly the same where the range is −1…1.
    ///
    /// What is an 8-bit level but for the rounding of canonical Floats becomes that level's own number: 3 of 0…255, not
    /// 2.9999998. A ten-thousandth of a level is ten such roundings, and less than the steps of any attack.
    func wire(_ canonical: Float) -> Float {
        if low == -1, high == 1 { return canonical + 0 }
        let levels = (Double(canonical) + 1) / 2 * 255
        let nearest = levels.rounded()
        let level = abs(levels - nearest) < 1e-4 ? nearest : levels
        return Float(low + level * (high - low) / 255)
    }
}
