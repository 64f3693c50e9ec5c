/// Package symbols without a doc comment.
enum Documentation {
    /// A line that declares a package symbol and has no `///` above it.
    struct Missing {
        let line: Int
        let text: String
    }

    static func missing(in lines: [String]) -> [Missing] {
        lines.enumerated().compactMap { index, line in
            guard line.contains("package "), declares(line.code), !isDocumented(lines, index) else {
                return nil
            }
            return Missing(line: index + 1, text: line.trimmed)
        }
    }

    private static func declares(_ code: String) -> Bool {
        let modifiers =
            #/(static|final|mutating|nonmutating|borrowing|consuming|convenience|override|lazy|weak|indirect)\s+/#
        let plain = code.replacing(modifiers, with: "").replacing("private(set) ", with: "").replacing(
            "internal(set) ", with: "")
        let words = #/\bpackage\s+(func|struct|enum|class|actor|protocol|var|let|init|subscript|typealias)\b/#
        return plain.firstMatch(of: words) != nil
    }

    /// Whether the nearest line above that is no attribute and no continuation of one is a doc comment.
    private static func isDocumented(_ lines: [String], _ index: Int) -> Bool {
        for line in lines[..<index].reversed() {
            let text = line.trimmed
            if text.hasPrefix("///") { return true }
            if !text.hasPrefix("@") { return false }
        }
        return false
    }
}
