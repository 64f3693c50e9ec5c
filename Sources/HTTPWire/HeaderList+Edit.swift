extension HeaderList {
    /// Appends a field at the end.
    /// **Throws** when the name is no token or the value holds a control character (RFC 9110 §5.5).
    package mutating func add(_ name: String, _ value: String) throws(HeaderError) {
        let entry = try makeEntry(name, value)
        entries.append(entry)
    }

    /// Gives the first field called `name` this value and removes its repetitions, or appends it.
    /// **Throws** as `add`; then nothing has changed.
    package mutating func set(_ name: String, _ value: String) throws(HeaderError) {
        let entry = try makeEntry(name, value)
        guard let first = firstIndex(named: name) else {
            entries.append(entry)
            return
        }
        entries[first] = entry
        while let next = firstIndex(named: name, from: first + 1) { entries.remove(at: next) }
    }

    /// Removes every field called `name`; returns whether there was one.
    @discardableResult
    package mutating func remove(_ name: StaticString) -> Bool {
        remove(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// Removes every field called `name`, for a name known only at run time.
    @discardableResult
    package mutating func remove(named name: String) -> Bool {
        var name = name
        return name.withUTF8 { remove($0) }
    }

    /// Empties the list, keeping its memory for the next message.
    package mutating func removeAll() {
        arena.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    /// Forgets the fields but leaves the arena for `replaceArena` to overwrite.
    mutating func forgetEntries() {
        if !entries.isEmpty { entries.removeAll(keepingCapacity: true) }
    }

    /// Makes `bytes` the front of the arena, in place when it is about as long already.
    ///
    /// Bytes behind them are no field's; keeping them spares an append for each message of a busy connection.
    mutating func replaceArena(_ bytes: UnsafeBufferPointer<UInt8>) {
        if arena.count >= bytes.count, arena.count <= bytes.count &* 2 &+ 256 {
            arena.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(bytes)) }
        } else {
            arena.removeAll(keepingCapacity: arena.capacity <= bytes.count &* 4 &+ 1024)
            arena.append(contentsOf: bytes)
        }
    }

    mutating func remove(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var removed = false
        while let index = firstIndex(name, from: 0) {
            entries.remove(at: index)
            removed = true
        }
        return removed
    }

    private mutating func makeEntry(_ name: String, _ value: String) throws(HeaderError) -> Entry {
        var name = name
        var value = value
        let start = arena.count
        let nameLength = name.withUTF8 { bytes -> Int? in
            guard let base = bytes.baseAddress, !bytes.isEmpty,
                Bytes.tokenLength(base, bytes.count) == bytes.count
            else { return nil }
            return bytes.count
        }
        guard let nameLength else { throw .malformedName(name) }
        let trimmed = value.withUTF8 { bytes -> Range<Int>? in
            FieldValue.trimmedRange(bytes)
        }
        guard let trimmed else { throw .controlCharacter(name: name) }
        // As it goes out, so that it can be copied as a whole.
        name.withUTF8 { arena.append(contentsOf: $0) }
        WireWriter.appendLiteral(": ", to: &arena)
        value.withUTF8 { arena.append(contentsOf: UnsafeBufferPointer(rebasing: $0[trimmed])) }
        WireWriter.appendLiteral("\r\n", to: &arena)
        return Entry(
            nameStart: start, nameLength: nameLength, valueStart: start + nameLength + 2,
            valueLength: trimmed.count)
    }
}
