import Yams

/// One mapping of the document, read key by key; what is read declares what is allowed.
///
/// Every reader returns a value whatever the document holds: a mistake is recorded and the default, or the kind's sample,
/// goes on in its place, so that one run finds all mistakes and no settings type needs optionals for "not yet read".
final class Section {
    let path: String
    let session: Session
    private let pairs: [(key: String, keyMark: Place?, value: Node)]
    private let mark: Place?
    private var known: [String] = []

    /// A section over a mapping node; `nil` for one the document leaves out (or when documenting).
    init(path: String, node: Node?, session: Session) {
        self.path = path
        self.session = session
        mark = node?.mark?.place
        pairs = Section.pairs(of: node, path: path, session: session)
        if let mark { session.locate(path, at: mark) }
    }

    var isDocumenting: Bool { session.purpose == .documenting }

    /// Whether the document gives `key` here.
    func has(_ key: String) -> Bool {
        pairs.contains { $0.key == key }
    }

    /// The path of a key of this section.
    func path(of key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    /// Records that a key given here is wrong for a reason that only the section as a whole shows.
    func complain(_ message: String, about key: String) {
        let pair = pairs.first { $0.key == key }
        session.complain(message, path: path(of: key), at: pair?.keyMark ?? mark)
    }

    /// Whether a key's value was read without a mistake.
    func trusts(_ key: String) -> Bool {
        session.trusts(path(of: key))
    }

    /// A section under a key that the document leaves out.
    func absent(_ key: String) -> Section {
        Section(path: path(of: key), node: nil, session: session)
    }

    // MARK: Values

    /// The value of a key that has a default.
    func value<Value>(
        _ key: String, _ kind: Kind<Value>, default fallback: Value, _ about: String
    ) -> Value {
        read(key, kind, default: .value(kind.render(fallback)), about) ?? fallback
    }

    /// The value of a key that may be left out; `absent` says what that means.
    func optional<Value>(_ key: String, _ kind: Kind<Value>, absent: String, _ about: String) -> Value? {
        read(key, kind, default: .words(absent), about)
    }

    /// The value of a key that must be given.
    func required<Value>(_ key: String, _ kind: Kind<Value>, _ about: String) -> Value {
        if let value = read(key, kind, default: .none, about) { return value }
        demand(key, kind.name)
        return kind.sample
    }

    private func read<Value>(
        _ key: String, _ kind: Kind<Value>, default fallback: ReferenceEntry.Fallback, _ about: String
    ) -> Value? {
        declare(key, type: kind.name, default: fallback, bounds: kind.bounds, about)
        guard let node = node(key) else {
            switch fallback {
            case .none: break
            case .value(let value): session.settle(path(of: key), value, given: false)
            case .words(let words): session.settle(path(of: key), "(\(words))", given: false)
            }
            return nil
        }
        let value = kind.read(Reading(node: node, path: path(of: key), session: session))
        if let value { session.settle(path(of: key), kind.render(value), given: true) }
        return value
    }

    // MARK: Sections

    /// A section of its own; left out, all of its keys have their defaults.
    func section<Value>(_ key: String, _ about: String, _ build: (Section) -> Value) -> Value {
        declare(key, type: "section", default: .words("all defaults"), bounds: "", about)
        return nested(path(of: key), node(key), build)
    }

    /// A section that must be given.
    func requiredSection<Value>(_ key: String, _ about: String, _ build: (Section) -> Value) -> Value {
        declare(key, type: "section", default: .none, bounds: "", about)
        guard !isDocumenting else { return nested(path(of: key), nil, build) }
        guard let node = node(key), !Section.isNull(node) else {
            demand(key, "section")
            return build(Section(path: path(of: key), node: nil, session: .scratch()))
        }
        return nested(path(of: key), node, build)
    }

    /// A section that may be left out as a whole; `absent` says what that means.
    func optionalSection<Value>(
        _ key: String, absent: String, _ about: String, _ build: (Section) -> Value
    ) -> Value? {
        declare(key, type: "section", default: .words(absent), bounds: "", about)
        let node = node(key)
        return node != nil || isDocumenting ? nested(path(of: key), node, build) : nil
    }

    /// A list of sections; `least` is how many there must be.
    func list<Value>(
        _ key: String, least: Int, _ about: String, _ build: (Section) -> Value
    ) -> [Value] {
        declare(
            key, type: "list of sections", default: least == 0 ? .words("none") : .none,
            bounds: "at most \(countMax)",
            about)
        if isDocumenting { return [nested(path(of: key) + "[]", nil, build)] }
        guard let node = node(key), !Section.isNull(node) else {
            if least > 0 { demand(key, "list") }
            return []
        }
        let reading = Reading(node: node, path: path(of: key), session: session)
        guard let elements = reading.elements(expected: "a list; begin each element with '- '") else {
            return []
        }
        guard (least...countMax).contains(elements.count) else {
            let _: Void? = reading.complain("needs \(least) to \(countMax) elements; has \(elements.count)")
            return []
        }
        return elements.map { nested($0.path, $0.node, build) }
    }

    /// Sections under names of the user's own, in the order of the document.
    func named<Value>(
        _ key: String, least: Int, _ about: String, _ build: (String, Section) -> Value
    ) -> [Value] {
        declare(
            key, type: "named sections", default: least == 0 ? .words("none") : .none, bounds: nameRule, about
        )
        if isDocumenting { return [nested(path(of: key) + ".<name>", nil) { build("", $0) }] }
        guard let node = node(key), !Section.isNull(node) else {
            if least > 0 { demand(key, "section") }
            return []
        }
        let names = Section(path: path(of: key), node: node, session: session)
        if names.pairs.count < least || names.pairs.count > countMax, session.trusts(path(of: key)) {
            session.complain(
                "needs \(least) to \(countMax) entries; has \(names.pairs.count)", path: path(of: key),
                at: node.mark?.place)
        }
        return names.pairs.prefix(countMax).map { pair in
            if !isName(pair.key) {
                names.complain("'\(excerpt(pair.key))' is not a name: \(nameRule)", about: pair.key)
            }
            return nested(names.path(of: pair.key), pair.value) { build(pair.key, $0) }
        }
    }

    /// Complains of every key that no declaration asked for, naming the nearest one that exists.
    func refuseUnknownKeys() {
        for pair in pairs where !known.contains(pair.key) {
            let nearest = didYouMean(pair.key, among: known.filter { !has($0) })
            let hint = nearest.isEmpty ? didYouMean(pair.key, among: known) : nearest
            let rest = hint.isEmpty ? "; known here: \(known.sorted().joined(separator: ", "))" : hint
            session.complain("unknown key\(rest)", path: path(of: excerpt(pair.key)), at: pair.keyMark)
        }
    }

    // MARK: Parts

    private func nested<Value>(_ path: String, _ node: Node?, _ build: (Section) -> Value) -> Value {
        let section = Section(path: path, node: node, session: session)
        let value = build(section)
        section.refuseUnknownKeys()
        return value
    }

    private func node(_ key: String) -> Node? {
        guard let pair = pairs.first(where: { $0.key == key }) else { return nil }
        session.locate(path(of: key), at: pair.value.mark?.place)
        return pair.value
    }

    private func declare(
        _ key: String, type: String, default fallback: ReferenceEntry.Fallback, bounds: String,
        _ about: String
    ) {
        known.append(key)
        session.document(
            ReferenceEntry(path: path(of: key), type: type, fallback: fallback, bounds: bounds, about: about))
    }

    private func demand(_ key: String, _ type: String) {
        guard !isDocumenting, !has(key) || type == "list" || type == "section", session.trusts(path(of: key))
        else {
            return
        }
        session.complain("is required (\(type)) and not given", path: path(of: key), at: mark)
    }

    /// The keys and values of a mapping, merged ones (`<<`) behind the mapping's own.
    private static func pairs(
        of node: Node?, path: String, session: Session
    ) -> [(key: String, keyMark: Place?, value: Node)] {
        guard let node, !isNull(node) else { return [] }
        guard case .mapping(let mapping) = node else {
            session.complain("expected a mapping of keys to values", path: path, at: node.mark?.place)
            return []
        }
        var own: [(key: String, keyMark: Place?, value: Node)] = []
        var merged: [Node] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                session.complain("has a key that is not a word", path: path, at: key.mark?.place)
                continue
            }
            if let duplicate = session.document?.duplicate(scalar.string, at: key.mark?.place) {
                let inner = path.isEmpty ? duplicate.name : "\(path).\(duplicate.name)"
                session.complain("is given more than once here; keep one", path: inner, at: key.mark?.place)
            } else if scalar.string == "<<", scalar.style == .plain {
                if case .sequence(let sequence) = value {
                    merged += Array(sequence)
                } else {
                    merged.append(value)
                }
            } else {
                own.append((scalar.string, key.mark?.place, value))
            }
        }
        for node in merged {
            let inherited = pairs(of: node, path: path, session: session)
            own += inherited.filter { pair in !own.contains { $0.key == pair.key } }
        }
        return own
    }

    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
    }
}

/// The most elements a list, or entries a named section, may have.
let countMax = 1_000

let nameRule = "1 to 64 letters, digits, '-', '_' or '.'"

/// Whether a text may name an upstream, a model, a policy or a route.
func isName(_ text: String) -> Bool {
    (1...64).contains(text.count)
        && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
}
