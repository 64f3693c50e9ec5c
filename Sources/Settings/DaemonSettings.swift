/// The process that serves: whose it is, and where it says which it is.
package struct DaemonSettings: Sendable, Equatable {
    /// The user to go on as once the sockets are bound; nil stays what it is.
    package var user: String?
    /// The group to go on with; nil is the user's own.
    package var group: String?
    /// The file of its process id, absolute; nil writes none.
    package var pidFile: String?
    /// Event loops, each a thread of its own.
    package var loops: ChosenCount

    init(reading section: Section) {
        user = section.optional(
            "user", .account, absent: "the one it was started by",
            "The user to go on as, for good, once the sockets are bound and the key is read; needs a start as root."
        )
        group = section.optional(
            "group", .account, absent: "the user's own", "The group to go on with; only with `user`.")
        pidFile = section.optional(
            "pid_file", .writtenFile, absent: "not written", "The file of the process id.")
        loops = section.value(
            "loops", .count(in: 1...1_024), default: .automatic,
            "Event loops, which serve connections, each on a thread of its own; `auto` is one for each processor that the process may use, by its affinity and its control group's quota."
        )
        if group != nil, user == nil, section.trusts("group") {
            section.complain("is given without user", about: "group")
        }
    }
}

extension Kind where Value == String {
    /// The name or number of a user or group.
    static var account: Kind {
        Kind(
            name: "name", bounds: "a name or number that the system knows", sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a name or number") else { return nil }
                let isPlain = text.allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0))
                }
                guard (1...32).contains(text.count), isPlain, text.first != "-" else {
                    return reading.complain("'\(excerpt(text))' is not the name or number of an account")
                }
                return text
            })
    }

    /// What a unit calls one of its sockets (FileDescriptorName=).
    static var socketName: Kind {
        Kind(
            name: "name", bounds: "1 to 255 visible ASCII characters without ':'", sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a name") else { return nil }
                guard (1...255).contains(text.utf8.count),
                    text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") })
                else { return reading.complain("'\(excerpt(text))' is not the name of a socket") }
                return text
            })
    }
}
