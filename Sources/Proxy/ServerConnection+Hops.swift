import HTTPWire

/// Requests that must not go round in circles, or further than their client wants.
extension ServerConnection {
    /// How often our own name may stand in `Via`: some gateways of one name in a row are a chain, many are a loop.
    private static let ownHopsMax = 8

    /// The answer to a request that is to go no further; nil when it may, with one hop less where they are counted.
    func endOfWay(_ head: inout RequestHead) -> Response? {
        if head.wasForwarded, ownHops(head.fields) >= Self.ownHopsMax {
            return Response(
                ProblemDocument(
                    status: 508, detail: "the request has come back to this gateway again and again"),
                exchange.requestID)
        }
        // TRACE, the other method that counts them, is not served (RFC 9110 §7.6.2).
        return head.method == .options ? countHop(&head) : nil
    }

    /// How often a proxy of our name has passed the request on (RFC 9110 §7.6.3); not counted beyond what ends it.
    private func ownHops(_ fields: HeaderList) -> Int {
        let name = Array(generation.settings.viaName.utf8)
        var count = 0
        var next = fields.firstIndex(of: "via")
        while let index = next, count < Self.ownHopsMax {
            count += fields.withValue(at: index) { Self.hops(in: $0, by: name) }
            next = fields.firstIndex(of: "via", from: index + 1)
        }
        return count
    }

    /// How many members of a list are `PROTOCOL NAME`, whatever comment follows.
    private static func hops(in value: UnsafeBufferPointer<UInt8>, by name: [UInt8]) -> Int {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        return value.split(separator: UInt8(ascii: ",")).count { hop in
            var rest: Slice<UnsafeBufferPointer<UInt8>> = hop.drop(while: isSpace)
            rest = rest.drop(while: { !isSpace($0) })
            rest = rest.drop(while: isSpace)
            return rest.prefix(while: { !isSpace($0) }).elementsEqual(name)
        }
    }

    /// At zero hops OPTIONS is answered here, as by the server it is for (RFC 9110 §7.6.2).
    private func countHop(_ head: inout RequestHead) -> Response? {
        let values = head.fields.values("max-forwards")
        guard !values.isEmpty else { return nil }
        guard values.count == 1, (1...9).contains(values[0].utf8.count),
            values[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let hops = Int(values[0])
        else {
            return Response(
                ProblemDocument(status: 400, detail: "Max-Forwards is not one number (RFC 9110 §7.6.2)"),
                exchange.requestID)
        }
        guard hops > 0 else { return Response(status: 204) }
        // A number is a field's value.
        try? head.fields.set("Max-Forwards", String(hops - 1))
        return nil
    }
}

extension RequestHead {
    /// Whether something is to be looked at before it is passed on.
    var countsHops: Bool {
        if case .options = method { return true }
        return wasForwarded
    }
}
