/// Header fields in the order and case they came in: one byte arena and ranges into it, never a dictionary.
///
/// Invariant: every name is a token, no value holds a control character but HTAB, nor white space at its ends.
/// So a list can always be serialised, and cannot split a message.
///
/// Public, because Swift 6.3 inlines nothing of a package type into another room.
public struct HeaderList: Sendable {
    /// Where one field's name and value lie in the arena.
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var nameStart: UInt32
        @usableFromInline var nameLength: UInt32
        @usableFromInline var valueStart: UInt32
        @usableFromInline var valueLength: UInt32

        @inline(__always)
        init(nameStart: Int, nameLength: Int, valueStart: Int, valueLength: Int) {
            self.nameStart = UInt32(truncatingIfNeeded: nameStart)
            self.nameLength = UInt32(truncatingIfNeeded: nameLength)
            self.valueStart = UInt32(truncatingIfNeeded: valueStart)
            self.valueLength = UInt32(truncatingIfNeeded: valueLength)
        }
    }

    @usableFromInline var arena: [UInt8] = []
    @usableFromInline var entries: [Entry] = []

    /// An empty list.
    package init() {}

    /// A list of these fields, in order.
    /// **Throws** `HeaderError` at the first name or value that must not stand in a message.
    package init(_ pairs: KeyValuePairs<String, String>) throws(HeaderError) {
        for (name, value) in pairs { try add(name, value) }
    }

    /// The memory that it takes. **Units**: bytes.
    var capacity: Int { arena.capacity + entries.capacity * MemoryLayout<Entry>.stride }

    /// How many fields there are.
    @inlinable package var count: Int { entries.count }

    /// Whether there are none.
    package var isEmpty: Bool { entries.isEmpty }

    /// The name of field `index`, as it was spelt.
    package func name(at index: Int) -> String {
        withName(at: index) { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of field `index`; bytes that are no UTF-8 are replaced.
    package func value(at index: Int) -> String {
        withValue(at: index) { String(decoding: $0, as: UTF8.self) }
    }

    /// Lends the bytes of the name of field `index`.
    @inlinable
    package func withName<R>(at index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        let entry = entries[index]
        return lend(entry.nameStart, entry.nameLength, body)
    }

    /// Lends the bytes of the value of field `index`.
    @inlinable
    package func withValue<R>(at index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        let entry = entries[index]
        return lend(entry.valueStart, entry.valueLength, body)
    }

    @inlinable @inline(__always)
    func lend<R>(_ start: UInt32, _ length: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        arena.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[Int(start)..<Int(start) + Int(length)]))
        }
    }

    /// The index of the first field called `name` in any case, from `start` on; nil when there is none.
    package func firstIndex(of name: StaticString, from start: Int = 0) -> Int? {
        firstIndex(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), from: start)
    }

    /// The index of the first field called `name` in any case, from `start` on; nil when there is none.
    package func firstIndex(named name: String, from start: Int = 0) -> Int? {
        var name = name
        return name.withUTF8 { firstIndex($0, from: start) }
    }

    func firstIndex(_ name: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard let wanted = name.baseAddress else { return nil }
        return arena.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return nil }
            var index = start
            while index < entries.count {
                let entry = entries[index]
                if Int(entry.nameLength) == name.count,
                    Bytes.equalIgnoringCase(base + Int(entry.nameStart), wanted, name.count)
                {
                    return index
                }
                index += 1
            }
            return nil
        }
    }

    /// Lends the values of the first fields called so, nil for those that are missing.
    package func lend<R>(
        _ first: StaticString, _ second: StaticString, _ third: StaticString,
        _ body: (
            UnsafeBufferPointer<UInt8>?, UnsafeBufferPointer<UInt8>?, UnsafeBufferPointer<UInt8>?
        ) -> R
    ) -> R {
        arena.withUnsafeBufferPointer { bytes in
            func value(_ name: StaticString) -> UnsafeBufferPointer<UInt8>? {
                guard let index = firstIndex(of: name) else { return nil }
                let start = Int(entries[index].valueStart)
                return UnsafeBufferPointer(
                    rebasing: bytes[start..<start + Int(entries[index].valueLength)])
            }
            return body(value(first), value(second), value(third))
        }
    }

    /// Whether a field called `name` is present.
    package func contains(_ name: StaticString) -> Bool { firstIndex(of: name) != nil }

    /// The value of the first field called `name`, as text.
    package func value(_ name: StaticString) -> String? { firstIndex(of: name).map { value(at: $0) } }

    /// The value of the first field called `name`, as text, for a name known only at run time.
    package func value(named name: String) -> String? { firstIndex(named: name).map { value(at: $0) } }

    /// The values of all fields called `name`, in order.
    package func values(_ name: StaticString) -> [String] {
        var found: [String] = []
        var next = firstIndex(of: name)
        while let index = next {
            found.append(value(at: index))
            next = firstIndex(of: name, from: index + 1)
        }
        return found
    }

    /// Whether a comma-separated field called `name` lists `token` in any case, in any of its lines.
    package func lists(_ name: StaticString, _ token: StaticString) -> Bool {
        var next = firstIndex(of: name)
        while let index = next {
            let found = withValue(at: index) { TokenList($0).contains(token) }
            if found { return true }
            next = firstIndex(of: name, from: index + 1)
        }
        return false
    }
}

/// Why a field was refused (RFC 9110 §5.1, §5.5).
package enum HeaderError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The name is no token.
    case malformedName(String)
    /// The value of this field holds CR, LF, NUL or another control character.
    case controlCharacter(name: String)

    /// One sentence naming the field.
    package var description: String {
        switch self {
        case .malformedName(let name): "'\(name.prefix(64).debugDescription)' is not a header field name"
        case .controlCharacter(let name): "The value of header field '\(name)' holds a control character"
        }
    }
}

extension HeaderList: Equatable {
    /// Whether both hold the same names and values, byte for byte, in the same order.
    public static func == (left: HeaderList, right: HeaderList) -> Bool {
        guard left.count == right.count else { return false }
        return (0..<left.count).allSatisfy { index in
            left.withName(at: index) { name in right.withName(at: index) { name.elementsEqual($0) } }
                && left.withValue(at: index) { value in right.withValue(at: index) { value.elementsEqual($0) }
                }
        }
    }
}
