/// Everything the daemon writes down.
package struct LogsSettings: Sendable, Equatable {
    /// How much the diagnostics on standard error say.
    package enum Level: String, Sendable, CaseIterable {
        /// Every step of every request.
        case trace
        /// What a developer asks.
        case debug
        /// Starts, stops and reloads.
        case info
        /// What is unusual and worth a look.
        case notice
        /// What went wrong and was coped with.
        case warning
        /// What went wrong.
        case error
    }

    /// How a request's line is written.
    package enum AccessFormat: String, Sendable, CaseIterable {
        /// One JSON object, with everything that is known.
        case json
        /// The combined format of Apache and NCSA, for programs that read that.
        case combined
    }

    /// One line a scored query.
    package var decisions: LogFileSettings?
    /// One line a request.
    package var access: LogFileSettings?
    /// How a request's line is written.
    package var accessFormat = AccessFormat.json
    /// How much the diagnostics say.
    package var level: Level

    init(reading section: Section) {
        decisions = section.optionalSection(
            "decisions", absent: "not written", "One JSON object a scored query.",
            LogFileSettings.init(reading:))
        let access = section.optionalSection("access", absent: "not written", "One line a request.") {
            (
                LogFileSettings(reading: $0),
                $0.value(
                    "format", .choice(), default: AccessFormat.json,
                    "One JSON object with all that is known and no key for what is not, or the combined format of Apache and NCSA."
                )
            )
        }
        self.access = access?.0
        accessFormat = access?.1 ?? .json
        level = section.value("level", .choice(), default: .info, "How much is said on standard error.")
    }
}

/// One rotating log.
package struct LogFileSettings: Sendable, Equatable {
    /// The file, absolute; rotated ones stand beside it.
    package var path: String
    /// **Units** bytes at which the file is rotated.
    package var rotateBytes: Int
    /// The age of its first line at which the file is rotated.
    package var rotateAge: Duration
    /// Rotated files that are kept.
    package var keepFiles: Int
    /// **Units** bytes of all rotated files that are kept.
    package var keepBytes: Int
    /// **Units** bytes of lines that wait for the disk; past it lines are dropped and counted.
    package var bufferBytes: Int
    /// Whether rotated files are gzipped.
    package var isCompressed: Bool

    init(reading section: Section) {
        path = section.required("path", .writtenFile, "The file; rotated ones stand beside it.")
        (rotateBytes, rotateAge) = section.section(
            "rotate", "When the file is rotated, whichever comes first."
        ) {
            (
                $0.value("size", .size(in: 4 << 10...1 << 40), default: 64 << 20, "At this size."),
                $0.value(
                    "age", .duration(in: .seconds(1) ... .seconds(366 * 86_400)), default: .seconds(86_400),
                    "When its first line is this old.")
            )
        }
        (keepFiles, keepBytes) = section.section("keep", "Which rotated files are kept; the oldest go first.")
        {
            (
                $0.value("files", .integer(in: 0...100_000), default: 14, "At most so many."),
                $0.value("bytes", .size(in: 0...1 << 50), default: 1 << 30, "At most so large together.")
            )
        }
        bufferBytes = section.value(
            "buffer", .size(in: 4 << 10...1 << 30), default: 4 << 20,
            "Lines that wait for the disk; past it they are dropped and counted, and traffic goes on.")
        isCompressed = section.value("gzip", .boolean, default: true, "Whether rotated files are gzipped.")
    }
}
