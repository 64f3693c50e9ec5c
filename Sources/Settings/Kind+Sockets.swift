extension Kind where Value == String {
    /// The path of a Unix socket, which the system allows fewer bytes than other paths.
    static var socketPath: Kind {
        Kind(
            name: "path", bounds: "at most 107 bytes; \(place.bounds)", sample: "", render: { $0 },
            read: { reading in
                guard let path = writtenFile.read(reading) else { return nil }
                guard path.utf8.count <= 107 else {
                    return reading.complain(
                        "\(excerpt(path)) has \(path.utf8.count) bytes; a socket's path may have 107")
                }
                if case .file = reading.session.files.look(path) {
                    return reading.complain(
                        "\(excerpt(path)) is a file that is no socket; remove it, or give another path")
                }
                return path
            })
    }
}

extension Kind where Value == UInt32 {
    /// The mode of a file in octal digits.
    static var fileMode: Kind {
        Kind(
            name: "file mode", bounds: "octal, 0000 to 0777", sample: 0o600,
            render: {
                let digits = String($0, radix: 8)
                return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            },
            read: { reading in
                guard let text = reading.text(expected: "a file mode such as 0660") else { return nil }
                let isOctal =
                    (3...4).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x37).contains($0) }
                guard isOctal, let mode = UInt32(text, radix: 8), mode <= 0o777 else {
                    return reading.complain("'\(excerpt(text))' is not a file mode such as 0660")
                }
                return mode
            })
    }
}
