import Foundation
import Yams

/// The node tree of a configuration text, and the keys that were given twice.
///
/// A text is bounded before it is parsed, and the tree before anyone walks it: aliases share their nodes, so a few lines
/// can stand for billions of nodes, and every later step may then take trees as they come.
struct Document {
    /// The most bytes of a configuration text.
    static let bytesMax = 256 << 10
    /// The most nodes once every alias is followed.
    static let nodesMax = 20_000
    /// The deepest nesting.
    static let depthMax = 32
    /// The most aliases in a text; a key made of aliases is hashed by the parser before nodes can be counted here.
    static let aliasesMax = 16
    /// Mark the first of two equal keys in the text that is parsed again, each sign once; of the private use area.
    private static let duplicateSigns = (0xE000...0xE03F as ClosedRange<UInt32>).compactMap {
        Unicode.Scalar($0)
    }

    /// A key of which another follows in the same mapping.
    struct Duplicate {
        let name: String
        let mark: Place
    }

    private(set) var root: Node?
    private(set) var duplicates: [Duplicate] = []

    /// What keeps a text from being a document at all.
    struct Refusal: Error {
        let message: String
        let mark: Place
    }

    /// Parses a text, reading on behind duplicated keys.
    init(_ text: String) throws(Refusal) {
        guard text.utf8.count <= Document.bytesMax else {
            throw Refusal(message: "is longer than \(renderSize(Document.bytesMax))", mark: .start)
        }
        try Document.boundAliases(text)
        var scalars = Array(text.unicodeScalars)
        while true {
            do {
                root = try compose(yaml: String(String.UnicodeScalarView(scalars)))
                break
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let name = names.first ?? ""
                guard duplicates.count < Document.duplicateSigns.count,
                    Document.disguise(
                        &scalars, at: context.mark.place, as: Document.duplicateSigns[duplicates.count])
                else {
                    throw Refusal(
                        message: "the key '\(excerpt(name))' is given more than once",
                        mark: context.mark.place)
                }
                duplicates.append(Duplicate(name: name, mark: context.mark.place))
            } catch {
                throw Document.refusal(error, text)
            }
        }
        try boundTree()
    }

    /// The name that was written where the parser now sees a disguised key; nil for an ordinary key.
    func duplicate(_ key: String, at mark: Place?) -> Duplicate? {
        guard let sign = key.unicodeScalars.first, Document.duplicateSigns.contains(sign) else { return nil }
        return duplicates.first { $0.mark.line == mark?.line && $0.mark.column == mark?.column }
    }

    /// Overwrites the first character of the key at a mark, so that columns stay what they were.
    private static func disguise(
        _ scalars: inout [Unicode.Scalar], at mark: Place, as sign: Unicode.Scalar
    ) -> Bool {
        var line = 1
        var column = 1
        for index in scalars.indices {
            if line == mark.line, column == mark.column {
                let quoted = scalars[index] == "\"" || scalars[index] == "'"
                let first = quoted ? index + 1 : index
                guard first < scalars.count, !duplicateSigns.contains(scalars[first]),
                    !"\"'&*!?[{|>".unicodeScalars.contains(scalars[first])
                else { return false }
                scalars[first] = sign
                return true
            }
            let isReturnBeforeFeed =
                scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            if "\n\r\u{85}\u{2028}\u{2029}".unicodeScalars.contains(scalars[index]), !isReturnBeforeFeed {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return false
    }

    /// Refuses a text with more words that look like aliases than any configuration needs.
    private static func boundAliases(_ text: String) throws(Refusal) {
        var count = 0
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated()
        {
            if line.drop(while: { $0 == " " }).first == "#" { continue }
            var before: Character = " "
            var isStar = false
            for character in line {
                if isStar, character.isLetter || character.isNumber || character == "_" { count += 1 }
                isStar = character == "*" && " [{,:-?\t".contains(before)
                before = character
            }
            guard count <= aliasesMax else {
                throw Refusal(
                    message: "has more than \(aliasesMax) aliases", mark: Place(line: index + 1, column: 1))
            }
        }
    }

    private func boundTree() throws(Refusal) {
        guard let root else { return }
        var waiting = [(root, 1)]
        var seen = 0
        while let (node, depth) = waiting.popLast() {
            seen += 1
            guard seen <= Document.nodesMax else {
                throw Refusal(
                    message: "stands for more than \(Document.nodesMax) values once its aliases are followed",
                    mark: node.mark?.place ?? .start)
            }
            guard depth <= Document.depthMax else {
                throw Refusal(
                    message: "is nested deeper than \(Document.depthMax) levels",
                    mark: node.mark?.place ?? .start)
            }
            switch node {
            case .mapping(let mapping):
                for (key, value) in mapping { waiting += [(key, depth + 1), (value, depth + 1)] }
            case .sequence(let sequence):
                for element in sequence { waiting.append((element, depth + 1)) }
            case .scalar, .alias: break
            }
        }
    }

    private static func refusal(_ error: any Error, _ text: String) -> Refusal {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let around = context.map { " (\($0.text) at line \($0.mark.line))" } ?? ""
            return Refusal(message: "is not YAML: \(problem)\(around)", mark: mark.place)
        case YamlError.reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = 1 + before.count { $0.isNewline }
            return Refusal(message: "is not YAML: \(problem)", mark: Place(line: line, column: 1))
        default:
            return Refusal(message: "is not YAML", mark: .start)
        }
    }
}
