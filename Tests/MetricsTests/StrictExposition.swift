/// A reader of Prometheus text format 0.0.4 and OpenMetrics 1.0.0 that accepts nothing a strict scraper would refuse. Written
/// from the two format documents, sharing nothing with the writer.
struct StrictExposition {
    struct Sample: Hashable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family {
        let help: String
        let type: String
        var samples: [Sample] = []
    }

    struct Malformed: Error { let line: Int }

    private(set) var families: [String: Family] = [:]

    init(_ text: String, openMetrics: Bool) throws {
        guard text.hasSuffix("\n") else { throw Malformed(line: 0) }
        var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        if openMetrics { guard lines.popLast() == "# EOF" else { throw Malformed(line: 0) } }
        var current = ""
        var help: (name: String, text: String)?
        var seen: Set<Sample> = []
        for (number, line) in lines.enumerated() {
            let fault = Malformed(line: number + 1)
            if line.hasPrefix("# HELP ") {
                let parts = line.dropFirst(7).split(
                    separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, help == nil else { throw fault }
                help = (String(parts[0]), try Self.unescaped(parts[1], quotes: openMetrics, fault))
            } else if line.hasPrefix("# TYPE ") {
                let parts = line.dropFirst(7).split(separator: " ")
                guard parts.count == 2, let text = help, text.name == parts[0], families[text.name] == nil,
                    ["counter", "gauge", "histogram"].contains(parts[1])
                else { throw fault }
                current = text.name
                families[current] = Family(help: text.text, type: String(parts[1]))
                help = nil
            } else {
                let sample = try Self.sample(line, fault)
                guard help == nil, let type = families[current]?.type,
                    Self.suffixes(type, openMetrics).contains(where: { current + $0 == sample.name }),
                    seen.insert(Sample(name: sample.name, labels: sample.labels, value: 0)).inserted
                else { throw fault }
                families[current]?.samples.append(sample)
            }
        }
        guard help == nil else { throw Malformed(line: lines.count) }
    }

    private static func suffixes(_ type: String, _ openMetrics: Bool) -> [String] {
        switch type {
        case "histogram": ["_bucket", "_sum", "_count"]
        case "counter": openMetrics ? ["_total"] : [""]
        default: [""]
        }
    }

    private static func sample(_ line: Substring, _ fault: Malformed) throws -> Sample {
        var rest = line
        let name = String(
            rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") })
        guard let first = name.first, !first.isNumber else { throw fault }
        rest.removeFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest.removeFirst()
                let label = String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
                rest.removeFirst(label.count)
                guard !label.isEmpty, rest.hasPrefix("=\"") else { throw fault }
                rest.removeFirst(2)
                var raw = ""
                while let character = rest.popFirst(), character != "\"" {
                    raw.append(character)
                    if character == "\\" {
                        guard let next = rest.popFirst() else { throw fault }
                        raw.append(next)
                    }
                }
                let value = try unescaped(raw[...], quotes: true, fault)
                guard labels.updateValue(value, forKey: label) == nil else { throw fault }
            } while rest.first == ","
            guard rest.popFirst() == "}" else { throw fault }
        }
        guard rest.popFirst() == " ", let value = number(rest) else { throw fault }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.allSatisfy { "0123456789.e+-".contains($0) } ? Double(text) : nil
        }
    }

    private static func unescaped(_ text: Substring, quotes: Bool, _ fault: Malformed) throws -> String {
        var plain = ""
        var rest = text
        while let character = rest.popFirst() {
            guard character == "\\" else {
                plain.append(character)
                continue
            }
            switch rest.popFirst() {
            case "\\": plain.append("\\")
            case "n": plain.append("\n")
            case "\"" where quotes: plain.append("\"")
            default: throw fault
            }
        }
        return plain
    }
}
