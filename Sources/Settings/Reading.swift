import Yams

/// One value of the document on its way to a typed value: the node, its path, and whom to tell what is wrong.
struct Reading {
    let node: Node
    let path: String
    let session: Session

    /// Records what is wrong with this value; returns nil so that a reader can `return reading.complain(…)`.
    func complain<Value>(_ message: String) -> Value? {
        session.complain(message, path: path, at: node.mark?.place)
        return nil
    }

    /// The scalar's text, however it was quoted; nil, with the complaint recorded, for anything else.
    func text(expected: String) -> String? {
        switch node {
        case .scalar(let scalar):
            if scalar.style == .plain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) {
                return complain("has no value; give \(expected) or remove the key")
            }
            return scalar.string
        case .mapping:
            return complain("expected \(expected), found a mapping")
        case .sequence, .alias:
            return complain("expected \(expected), found a list")
        }
    }

    /// The scalar's text where a number or a boolean belongs: a quoted one is text and refused.
    func plainText(expected: String) -> String? {
        guard let text = text(expected: expected) else { return nil }
        if case .scalar(let scalar) = node, scalar.style != .plain {
            return complain("expected \(expected), found the text '\(excerpt(text))'; remove the quotes")
        }
        return text
    }

    /// The elements of a list value with their own paths; nil, with the complaint recorded, for anything else.
    func elements(expected: String) -> [Reading]? {
        guard case .sequence(let sequence) = node else {
            return complain("expected \(expected)")
        }
        return sequence.enumerated().map { index, element in
            Reading(node: element, path: "\(path)[\(index)]", session: session)
        }
    }
}

/// At most 60 characters of a value for a message, control characters made visible.
func excerpt(_ text: String) -> String {
    let visible = text.unicodeScalars.prefix(60).map { scalar in
        scalar.properties.generalCategory == .control ? "\u{FFFD}" : String(scalar)
    }
    return visible.joined() + (text.unicodeScalars.count > 60 ? "…" : "")
}
