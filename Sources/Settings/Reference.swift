/// What the reference says of one key; made by the declaration that reads the key.
package struct ReferenceEntry: Sendable, Equatable {
    /// The key's path with `[]` for list elements and `<name>` for names of the user's own.
    package let path: String
    /// The type's name.
    package let type: String
    /// What a key that is left out stands for.
    package enum Fallback: Sendable, Equatable {
        /// It must be given.
        case none
        /// This value.
        case value(String)
        /// What these words say.
        case words(String)
    }

    /// What is in effect when the key is left out.
    package let fallback: Fallback
    /// Bounds and form; may be empty.
    package let bounds: String
    /// What the key means.
    package let about: String
}

/// One value in effect after reading.
package struct EffectiveValue: Sendable, Equatable {
    /// The key's path.
    package let path: String
    /// The value as the configuration would spell it.
    package let value: String
    /// Whether the document gives it, rather than a default.
    package let given: Bool
}

/// The reference of all keys, printed from the declarations that parse them.
package struct SettingsReference: Sendable, Equatable {
    /// Every key in the order of the declarations.
    package let entries: [ReferenceEntry]

    /// Collects every key by walking the declarations without a document.
    package init() {
        let session = Session.scratch()
        _ = GatewaySettings(reading: Section(path: "", node: nil, session: session))
        entries = session.entries
    }

    /// The reference as Markdown: a heading and a table for every top-level key.
    package var markdown: String {
        var lines: [String] = []
        for top in entries where !top.path.contains(".") && !top.path.contains("[") {
            lines += ["### `\(top.path)`", "", top.about + required(top), ""]
            let keys = entries.filter {
                $0.path.hasPrefix(top.path + ".") || $0.path.hasPrefix(top.path + "[")
            }
            guard !keys.isEmpty else { continue }
            lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
            lines += keys.map(row) + [""]
        }
        return lines.joined(separator: "\n")
    }

    private func required(_ entry: ReferenceEntry) -> String {
        entry.fallback == .none ? " *Required.*" : ""
    }

    private func row(_ entry: ReferenceEntry) -> String {
        let fallback =
            switch entry.fallback {
            case .none: "*required*"
            case .value(let value): "`\(value)`"
            case .words(let words): words
            }
        let bounds = entry.bounds.isEmpty ? "" : " (\(entry.bounds))"
        let cells = ["`\(entry.path)`", entry.type, fallback, entry.about + bounds]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
}
