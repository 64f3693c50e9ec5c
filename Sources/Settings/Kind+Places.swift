import Foundation

extension Kind where Value == String {
    /// Free text of 1 to `longest` characters without control characters.
    static func text(longest: Int) -> Kind {
        Kind(
            name: "text", bounds: "1 to \(longest) characters", sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "text") else { return nil }
                guard (1...longest).contains(text.count), !text.unicodeScalars.contains(where: isControl)
                else {
                    return reading.complain(
                        "must be 1 to \(longest) characters, none of them control characters")
                }
                return text
            })
    }

    /// The name of something: an upstream, a model, a policy, a route.
    static var name: Kind {
        Kind(
            name: "name", bounds: nameRule, sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a name") else { return nil }
                guard isName(text) else {
                    return reading.complain("'\(excerpt(text))' is not a name: \(nameRule)")
                }
                return text
            })
    }

    /// An HTTP method in capitals.
    static var method: Kind {
        Kind(
            name: "method", bounds: "capitals, as in POST", sample: "GET", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "an HTTP method") else { return nil }
                guard (1...32).contains(text.count),
                    text.allSatisfy({ $0.isASCII && $0.isUppercase || $0 == "-" })
                else {
                    return reading.complain(
                        "'\(excerpt(text))' is not an HTTP method in capitals, such as POST")
                }
                return text
            })
    }

    /// A path in the file system; a relative one begins at the configuration file's directory.
    static var place: Kind {
        Kind(
            name: "path", bounds: "relative to this file, or absolute", sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a path") else { return nil }
                guard (1...4096).contains(text.utf8.count), !text.unicodeScalars.contains(where: isControl)
                else {
                    return reading.complain("is not a path: it is empty, too long, or has control characters")
                }
                let path = resolve(text, against: reading.session.directory)
                reading.session.name(path, at: reading.path)
                return path
            })
    }

    /// A directory that is there.
    static var directory: Kind {
        Kind(
            name: "directory", bounds: place.bounds, sample: "", render: { $0 },
            read: { reading in
                guard let path = place.read(reading) else { return nil }
                switch reading.session.files.look(path) {
                case .directory: return path
                case .file: return reading.complain("\(excerpt(path)) is a file; a directory belongs here")
                case .missing: return reading.complain("there is no directory \(path)")
                case .unreadable: return reading.complain("\(path) may not be read by this user")
                }
            })
    }

    /// A file to be written; it need not be there yet.
    static var writtenFile: Kind {
        Kind(
            name: "path", bounds: place.bounds, sample: "", render: { $0 },
            read: { reading in
                guard let path = place.read(reading) else { return nil }
                if path.hasSuffix("/") || reading.session.files.look(path) == .directory {
                    return reading.complain("\(excerpt(path)) is a directory; name a file in it")
                }
                if let obstacle = reading.session.files.obstacle(path) {
                    return reading.complain("\(excerpt(path)) cannot be written: \(obstacle)")
                }
                return path
            })
    }

    /// A file that is there and may be read.
    static var readFile: Kind {
        Kind(
            name: "path", bounds: place.bounds, sample: "", render: { $0 },
            read: { reading in
                guard let path = place.read(reading) else { return nil }
                switch reading.session.files.look(path) {
                case .file: return path
                case .directory: return reading.complain("\(path) is a directory; a file belongs here")
                case .missing: return reading.complain("there is no file \(path)")
                case .unreadable: return reading.complain("\(path) may not be read by this user")
                }
            })
    }

    /// A file of secret bytes that is there and long enough. `isText` where it holds a line of visible characters.
    static func secretFile(least: Int, most: Int, isText: Bool = false) -> Kind {
        let encoding = isText ? "| base64 " : ""
        return Kind(
            name: "path", bounds: "a file of \(least) to \(most) bytes; \(place.bounds)", sample: "",
            render: { $0 },
            read: { reading in
                guard let path = place.read(reading) else { return nil }
                switch reading.session.files.look(path) {
                case .file(let bytes, _) where (least...most).contains(bytes): return path
                case .file(let bytes, _):
                    return reading.complain("\(path) has \(bytes) bytes; a key needs \(least) to \(most)")
                case .directory: return reading.complain("\(path) is a directory; a key file belongs here")
                case .missing:
                    return reading.complain(
                        "there is no file \(path); make one with: (umask 077; head -c 32 /dev/urandom \(encoding)> '\(path)')"
                    )
                case .unreadable: return reading.complain("\(path) may not be read by this user")
                }
            })
    }
}

/// The absolute, tidied form of a path.
func resolve(_ path: String, against directory: String) -> String {
    let full = path.hasPrefix("/") ? path : directory + "/" + path
    let tidy = URL(fileURLWithPath: full).standardized.path
    return path.hasSuffix("/") && !tidy.hasSuffix("/") ? tidy + "/" : tidy
}

/// Whether a scalar is a control character.
func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control
}
