/// What a client says it can decode (RFC 9110 §12.5.3).
package struct AcceptEncoding: Sendable, Equatable {
    /// What to do about an answer.
    package enum Choice: Sendable, Equatable {
        /// Code it so.
        case coding(ContentCoding)
        /// Send it as it is.
        case identity
        /// The client accepts neither a coding that is made here nor none.
        case nothing
    }

    // Weights in thousandths; nil where the field does not speak of it.
    private var gzip: Int?
    private var deflate: Int?
    private var identity: Int?
    private var others: Int?
    private var isPresent = false

    /// A client that says nothing. By the letter it takes any coding; in fact it may know none, so it gets none.
    package init() {}

    /// A client that sends these lines of the field.
    package init(_ lines: [String]) {
        for line in lines {
            var line = line
            line.withUTF8 { add($0) }
        }
    }

    /// Adds a line of the field. A member that is no weighted name is passed over; of repeated ones the last counts.
    package mutating func add(_ line: UnsafeBufferPointer<UInt8>) {
        isPresent = true
        for member in line.split(separator: UInt8(ascii: ",")) {
            let parts = member.split(
                separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.map(Self.trimmed), !name.isEmpty else { continue }
            var weight = 1000
            if parts.count > 1 {
                guard let given = Self.weight(Self.trimmed(parts[1])) else { continue }
                weight = given
            }
            take(name, weight)
        }
    }

    private mutating func take(_ name: Slice<UnsafeBufferPointer<UInt8>>, _ weight: Int) {
        if name.isNamed("gzip") || name.isNamed("x-gzip") {
            gzip = weight
        } else if name.isNamed("deflate") {
            deflate = weight
        } else if name.isNamed("identity") {
            identity = weight
        } else if name.isNamed("*") {
            others = weight
        }
    }

    /// Whether an answer may come in this coding. A client that says nothing gets none.
    package func accepts(_ coding: ContentCoding) -> Bool {
        let own = coding == .gzip ? gzip : deflate
        return (own ?? others ?? 0) > 0
    }

    /// What an answer is to be. `isWanted` says that it is to be coded where the client leaves the choice; otherwise it is
    /// only coded when the client refuses it as it is.
    package func choice(isWanted: Bool) -> Choice {
        guard isPresent else { return .identity }
        let plain = identity ?? (others == 0 ? 0 : nil)
        let best = [(ContentCoding.gzip, gzip ?? others ?? 0), (.deflate, deflate ?? others ?? 0)]
            .filter { $0.1 > 0 }.reduce(nil) { (best: (ContentCoding, Int)?, next) in
                best.map { $0.1 >= next.1 } == true ? best : next
            }
        guard let best else { return plain == 0 ? .nothing : .identity }
        // Without a weight of its own identity is the last resort, not the favourite.
        if plain != 0, !isWanted || (identity ?? 0) > best.1 { return .identity }
        return .coding(best.0)
    }

    /// `q=` and its value in thousandths (RFC 9110 §12.4.2); nil for anything else.
    private static func weight(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        let bytes = Array(text)
        guard bytes.count >= 3, bytes[0] | 0x20 == UInt8(ascii: "q"), bytes[1] == UInt8(ascii: "="),
            bytes.count <= 7, let whole = digit(bytes[2]), whole <= 1
        else { return nil }
        guard bytes.count > 3 else { return 1000 * whole }
        guard bytes[3] == UInt8(ascii: ".") else { return nil }
        var value = 1000 * whole
        for (byte, unit) in zip(bytes[4...], [100, 10, 1]) {
            guard let digit = digit(byte) else { return nil }
            value += digit * unit
        }
        return value <= 1000 ? value : nil
    }

    private static func digit(_ byte: UInt8) -> Int? {
        (0x30...0x39).contains(byte) ? Int(byte) - 0x30 : nil
    }

    private static func trimmed(
        _ bytes: Slice<UnsafeBufferPointer<UInt8>>
    ) -> Slice<UnsafeBufferPointer<UInt8>> {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let start = bytes.drop(while: isSpace)
        guard let end = start.lastIndex(where: { !isSpace($0) }) else { return start.prefix(0) }
        return start[...end]
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    /// Whether these bytes are `name`, which is in lower case, in any case.
    fileprivate func isNamed(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: count)
        return zip(self, wanted).allSatisfy { byte, wanted in
            (0x41...0x5A).contains(byte) ? byte | 0x20 == wanted : byte == wanted
        }
    }
}
