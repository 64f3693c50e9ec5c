/// The functions of a file by their braces; near enough for a bound on their length.
struct Functions {
    /// One function, initialiser or subscript.
    struct Function {
        /// The line its declaration begins on, from 1.
        let line: Int
        let signature: String
        /// The lines from its opening brace to its closing one, both counted.
        let length: Int
    }

    let all: [Function]

    init(_ lines: [String]) {
        var open: [(depth: Int, line: Int, start: Int, signature: String)] = []
        var pending: (line: Int, signature: String)?
        var depth = 0
        var found: [Function] = []
        for (index, line) in Functions.withoutLongStrings(lines).enumerated() {
            let code = line.code
            if code.contains("func ") || code.contains("init") || code.contains("subscript"),
                code.firstMatch(of: #/\b(func\s+\S|init[?!]?[(<]|deinit\b|subscript[(<])/#) != nil,
                !code.contains(".init("),
                !code.contains("self.init("), !code.contains("super.init(")
            {
                pending = (index + 1, code.trimmed)
            }
            for character in code {
                if character == "{" {
                    depth += 1
                    if let declared = pending {
                        open.append((depth, declared.line, index, declared.signature))
                        pending = nil
                    }
                } else if character == "}" {
                    if let last = open.last, last.depth == depth {
                        open.removeLast()
                        found.append(
                            Function(
                                line: last.line, signature: last.signature, length: index - last.start + 1))
                    }
                    depth -= 1
                    // A requirement of a protocol has no body of its own.
                    pending = nil
                }
            }
        }
        all = found
    }

    /// The lines with those inside `"""` emptied.
    static func withoutLongStrings(_ lines: [String]) -> [String] {
        var isInside = false
        return lines.map { line in
            let marks = line.components(separatedBy: "\"\"\"").count - 1
            defer { if !marks.isMultiple(of: 2) { isInside.toggle() } }
            guard isInside else { return marks > 0 ? line.components(separatedBy: "\"\"\"")[0] : line }
            return marks > 0 ? line.components(separatedBy: "\"\"\"").last ?? "" : ""
        }
    }
}
