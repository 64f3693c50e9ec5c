extension Kind where Value == Int {
    /// A number of bytes: plain, or with a unit (`32KiB`, `8MiB`, `1GB`).
    static func size(in range: ClosedRange<Int>) -> Kind {
        Kind(
            name: "size", bounds: extent(range, renderSize), sample: range.lowerBound, render: renderSize,
            read: { reading in
                let expected = "a size such as 32KiB, 8MiB or 1GB"
                guard let text = reading.text(expected: expected) else { return nil }
                guard let bytes = parseSize(text) else {
                    return reading.complain("'\(excerpt(text))' is not \(expected)")
                }
                guard range.contains(bytes) else {
                    return reading.complain(
                        "\(excerpt(text)) is out of bounds; it must be \(extent(range, renderSize))")
                }
                return bytes
            })
    }
}

extension Kind where Value == Duration {
    /// A length of time with its unit (`250ms`, `10s`, `5m`, `24h`, `7d`).
    static func duration(in range: ClosedRange<Duration>) -> Kind {
        Kind(
            name: "duration", bounds: extent(range, renderDuration), sample: range.lowerBound,
            render: renderDuration,
            read: { reading in
                let expected = "a duration such as 250ms, 10s, 5m, 24h or 7d"
                guard let text = reading.text(expected: expected) else { return nil }
                guard let duration = parseDuration(text) else {
                    let hint = decimal(text) == nil ? "" : "; a number alone lacks its unit"
                    return reading.complain("'\(excerpt(text))' is not \(expected)\(hint)")
                }
                guard range.contains(duration) else {
                    return reading.complain(
                        "\(excerpt(text)) is out of bounds; it must be \(extent(range, renderDuration))")
                }
                return duration
            })
    }
}

private let sizeUnits: [(name: String, bytes: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("kB", 1_000),
    ("B", 1), ("", 1),
]

private let durationUnits: [(name: String, microseconds: Int)] = [
    ("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000),
    ("d", 86_400_000_000),
]

/// The whole number before a unit and the unit; nil when there is no number or it overflows.
private func amount(_ text: String) -> (value: Int, unit: String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let value = Int(digits) else { return nil }
    return (value, text.dropFirst(digits.count).trimmingPrefix(" ").description)
}

private func parseSize(_ text: String) -> Int? {
    guard let (value, name) = amount(text), let unit = sizeUnits.first(where: { $0.name == name }) else {
        return nil
    }
    let (bytes, overflow) = value.multipliedReportingOverflow(by: unit.bytes)
    return overflow ? nil : bytes
}

private func parseDuration(_ text: String) -> Duration? {
    guard let (value, name) = amount(text), let unit = durationUnits.first(where: { $0.name == name }) else {
        return nil
    }
    let (microseconds, overflow) = value.multipliedReportingOverflow(by: unit.microseconds)
    return overflow ? nil : .microseconds(microseconds)
}

/// A size in the largest unit that divides it.
func renderSize(_ bytes: Int) -> String {
    let unit = sizeUnits.first { $0.bytes > 1 && bytes > 0 && bytes.isMultiple(of: $0.bytes) }
    return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)"
}

/// A duration in the largest unit that divides it.
func renderDuration(_ duration: Duration) -> String {
    let parts = duration.components
    let microseconds = Int(parts.seconds) * 1_000_000 + Int(parts.attoseconds / 1_000_000_000_000)
    let unit = durationUnits.last { microseconds > 0 && microseconds.isMultiple(of: $0.microseconds) }
    return unit.map { "\(microseconds / $0.microseconds)\($0.name)" } ?? "0ms"
}
