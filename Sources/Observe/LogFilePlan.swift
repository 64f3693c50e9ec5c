/// Where a log is written, when it is rotated, and what is kept.
package struct LogFilePlan: Sendable, Equatable {
    /// The file; rotated ones stand beside it.
    package var path: String
    /// **Units** bytes at which the file is rotated.
    package var rotateBytes: Int
    /// The age of its first line at which the file is rotated.
    package var rotateAge: Duration
    /// Rotated files that are kept.
    package var keepFiles: Int
    /// **Units** bytes of all rotated files that are kept.
    package var keepBytes: Int
    /// **Units** bytes of lines that wait for the disk.
    package var bufferBytes: Int
    /// Whether rotated files are gzipped.
    package var isCompressed: Bool
    /// How long a line may wait for others: waking the writer and asking the system for each line alone costs as much as
    /// the request that the line tells of.
    package var gatherTime: Duration
    /// Lines that wait are written when they are so many together, whatever the time: there must be room for others while that
    /// is done. **Units** bytes.
    var gatherBytes: Int { min(256 << 10, bufferBytes / 2) }
    /// The most memory that is kept for the next lines while none wait.
    static let spareBytesMax = 512 << 10
    /// Whether a line in the log says what it has lost. Programs that read another format than JSON would trip over it.
    package var notesLosses = true

    /// A plan; the defaults are the configuration's.
    package init(
        path: String, rotateBytes: Int = 64 << 20, rotateAge: Duration = .seconds(86_400),
        keepFiles: Int = 14,
        keepBytes: Int = 1 << 30, bufferBytes: Int = 4 << 20, isCompressed: Bool = true,
        gatherTime: Duration = .zero
    ) {
        self.path = path
        self.rotateBytes = rotateBytes
        self.rotateAge = rotateAge
        self.keepFiles = keepFiles
        self.keepBytes = keepBytes
        self.bufferBytes = bufferBytes
        self.isCompressed = isCompressed
        self.gatherTime = gatherTime
    }

    /// The directory of the file, with its slash; empty for a bare name.
    var directory: String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    /// The file's name without its directory.
    var name: String {
        String(path.dropFirst(directory.count))
    }
}

/// The name of a file that a log set aside: `decisions.jsonl.20261121T114000Z.000007.gz`.
///
/// The sequence number orders files even where the clock went back; names that do not parse are not this log's files
/// and are never touched.
struct RotatedName: Equatable {
    let stamp: String
    let sequence: Int
    let suffix: Suffix

    enum Suffix: String, CaseIterable {
        case plain = ""
        case gzipped = ".gz"
        /// A gzipped copy that was not finished.
        case partial = ".gz.partial"
    }

    init(stamp: String, sequence: Int, suffix: Suffix) {
        self.stamp = stamp
        self.sequence = sequence
        self.suffix = suffix
    }

    /// Reads a name; nil when it is not one of the log called `base`.
    init?(_ name: String, base: String) {
        guard name.hasPrefix(base + ".") else { return nil }
        let parts = name.dropFirst(base.count + 1).split(
            separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, RotatedName.isStamp(parts[0]), (6...15).contains(parts[1].count),
            parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let sequence = Int(parts[1]),
            let suffix = Suffix(rawValue: parts.count == 3 ? "." + parts[2] : "")
        else { return nil }
        self.init(stamp: String(parts[0]), sequence: sequence, suffix: suffix)
    }

    /// The log that set a file of this name aside; nil when none did.
    static func base(of name: String) -> String? {
        let dots = name.indices.filter { name[$0] == "." }
        return dots.map { String(name[..<$0]) }.first { RotatedName(name, base: $0) != nil }
    }

    /// The file's name after the log called `base`.
    func name(base: String, suffix: Suffix? = nil) -> String {
        let digits = String(sequence)
        let padding = String(repeating: "0", count: max(0, 6 - digits.count))
        return "\(base).\(stamp).\(padding)\(digits)\((suffix ?? self.suffix).rawValue)"
    }

    private static func isStamp(_ text: Substring) -> Bool {
        text.count == 16
            && text.enumerated().allSatisfy { index, character in
                switch index {
                case 8: character == "T"
                case 15: character == "Z"
                default: character.isASCII && character.isNumber
                }
            }
    }
}
