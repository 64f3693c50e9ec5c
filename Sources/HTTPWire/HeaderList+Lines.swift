import Buffers

extension HeaderList {
    /// Appends the fields whose name `keeps` takes, each as a line with its end.
    ///
    /// Neighbours that lie in the arena just as they go out are copied as one run: a head that is passed on with few changes
    /// costs a few copies, whatever the number of its fields.
    package func appendLines(
        to output: inout ByteBuffer, where keeps: (UnsafeBufferPointer<UInt8>) -> Bool
    ) {
        arena.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            entries.withUnsafeBufferPointer { entries in
                var start = 0
                var end = 0
                for entry in entries {
                    let name = base + Int(entry.nameStart)
                    guard keeps(UnsafeBufferPointer(start: name, count: Int(entry.nameLength))) else {
                        continue
                    }
                    let valueEnd = Int(entry.valueStart) &+ Int(entry.valueLength)
                    let isVerbatim = WireWriter.isLine(base, bytes.count, entry, valueEnd)
                    if isVerbatim, end == Int(entry.nameStart) {
                        end = valueEnd &+ 2
                        continue
                    }
                    output.append(UnsafeBufferPointer(start: base + start, count: end &- start))
                    start = isVerbatim ? Int(entry.nameStart) : 0
                    end = isVerbatim ? valueEnd &+ 2 : 0
                    if !isVerbatim { Self.append(base, entry, to: &output) }
                }
                output.append(UnsafeBufferPointer(start: base + start, count: end &- start))
            }
        }
    }

    /// Appends a field that came otherwise than it goes out.
    private static func append(
        _ base: UnsafePointer<UInt8>, _ entry: Entry, to output: inout ByteBuffer
    ) {
        output.append(
            UnsafeBufferPointer(start: base + Int(entry.nameStart), count: Int(entry.nameLength)))
        output.append(": ")
        output.append(
            UnsafeBufferPointer(start: base + Int(entry.valueStart), count: Int(entry.valueLength)))
        output.append("\r\n")
    }
}

extension RequestTarget {
    /// Appends the form sent to an origin server: path and query, or `*`, or the authority (RFC 9112 §3.2.1).
    package func appendOriginForm(to output: inout ByteBuffer) {
        bytes.withUnsafeBufferPointer { bytes in
            guard form == .absolute else { return output.append(bytes) }
            if pathRange.isEmpty { output.append(UInt8(ascii: "/")) }
            output.append(UnsafeBufferPointer(rebasing: bytes[pathRange.lowerBound...]))
        }
    }
}

extension BodyFraming {
    /// Whether there is no body.
    @inlinable package var isNone: Bool { if case .none = self { true } else { false } }

    /// Whether the body comes in chunks.
    @inlinable package var isChunked: Bool { if case .chunked = self { true } else { false } }
}
