/// Package symbols without a doc comment.
///
/// A comment speaks for the run of properties directly below it, a type's own comment for those its body begins with.
/// Initialisers and `description` say by their name what they do; what is special about one still deserves a comment.
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
        let words = #/\bpackage\s+(func|struct|enum|class|actor|protocol|var|let|subscript|typealias)\b/#
        return plain.firstMatch(of: words) != nil && !plain.contains(#/\b(debugD|d)escription: String\b/#)
    }

    /// Whether a doc comment is above, with nothing between but attributes and, for a property, its run.
    private static func isDocumented(_ lines: [String], _ index: Int) -> Bool {
        let isProperty = lines[index].contains(#/\b(var|let)\b/#)
        for line in lines[..<index].reversed() {
            let text = line.trimmed
            if text.hasPrefix("///") { return true }
            let isOfRun = text.contains(#/\b(var|let)\b/#) || text.contains(#/\b(struct|class|enum)\b.*{$/#)
            if !text.hasPrefix("@"), !(isProperty && isOfRun) { return false }
        }
        return false
    }
}
