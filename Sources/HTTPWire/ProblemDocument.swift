/// An `application/problem+json` document (RFC 9457): what a client is told when its request is refused.
package struct ProblemDocument: Sendable, Equatable {
    /// A value of an extension member.
    package enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int64)
        case number(Double)
        case flag(Bool)
        case list([Value])
        case object([Member])
    }

    /// One extension member; order is kept.
    package struct Member: Sendable, Equatable {
        /// The member's name.
        package var name: String
        /// The member's value.
        package var value: Value

        /// A member of this name and value.
        package init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// The media type to send it under.
    package static let mediaType = "application/problem+json"

    /// A URI reference naming the kind of problem.
    package var type: String
    /// A short sentence that is the same for every problem of this type.
    package var title: String
    /// The status code sent along.
    package var status: Int
    /// What happened this time, fit for the client's eyes.
    package var detail: String?
    /// A URI reference for this occurrence: the request id.
    package var instance: String?
    /// Further members; names that the standard defines are left out.
    package var extensions: [Member]

    /// A document; the title is the status's reason phrase unless given.
    package init(
        status: Int, type: String = "about:blank", title: String? = nil, detail: String? = nil,
        instance: String? = nil, extensions: [Member] = []
    ) {
        self.status = status
        self.type = type
        self.title = title ?? StatusReason.phrase(status)
        self.detail = detail
        self.instance = instance
        self.extensions = extensions
    }

    /// The document that answers a framing error.
    package init(_ error: FramingError, instance: String? = nil) {
        self.init(status: error.status, detail: error.description, instance: instance)
    }

    /// The document as JSON in UTF-8.
    package var json: [UInt8] {
        var members = [
            Member("type", .text(type)), Member("title", .text(title)),
            Member("status", .integer(Int64(status))),
        ]
        if let detail { members.append(Member("detail", .text(detail))) }
        if let instance { members.append(Member("instance", .text(instance))) }
        members += extensions.filter { !Self.standardNames.contains($0.name) }
        var output: [UInt8] = []
        Self.append(.object(members), to: &output)
        return output
    }

    private static let standardNames: Set<String> = ["type", "title", "status", "detail", "instance"]

    private static func append(_ value: Value, to output: inout [UInt8]) {
        switch value {
        case .text(let text): appendString(text, to: &output)
        case .integer(let number): output.append(contentsOf: String(number).utf8)
        // JSON has no infinities and no NaN.
        case .number(let number): output.append(contentsOf: (number.isFinite ? String(number) : "null").utf8)
        case .flag(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let values): appendList(values, to: &output)
        case .object(let members): appendObject(members, to: &output)
        }
    }

    private static func appendList(_ values: [Value], to output: inout [UInt8]) {
        output.append(0x5B)
        for (index, value) in values.enumerated() {
            if index > 0 { output.append(0x2C) }
            append(value, to: &output)
        }
        output.append(0x5D)
    }

    private static func appendObject(_ members: [Member], to output: inout [UInt8]) {
        output.append(0x7B)
        for (index, member) in members.enumerated() {
            if index > 0 { output.append(0x2C) }
            appendString(member.name, to: &output)
            output.append(0x3A)
            append(member.value, to: &output)
        }
        output.append(0x7D)
    }

    /// RFC 8259 §7; `<`, `>` and `&` are escaped too, so that the text is harmless if it lands in a page.
    private static func appendString(_ text: String, to output: inout [UInt8]) {
        output.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: output.append(contentsOf: [0x5C, byte])
            case 0x0A: output.append(contentsOf: [0x5C, 0x6E])
            case 0x0D: output.append(contentsOf: [0x5C, 0x72])
            case 0x09: output.append(contentsOf: [0x5C, 0x74])
            case 0..<0x20, 0x7F, 0x3C, 0x3E, 0x26: appendEscape(byte, to: &output)
            default: output.append(byte)
            }
        }
        output.append(0x22)
    }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        output.append(contentsOf: "\\u00".utf8)
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
    }
}
