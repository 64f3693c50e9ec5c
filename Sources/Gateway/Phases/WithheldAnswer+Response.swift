import HTTPWire
import Proxy
import Store

/// How an answer is kept in the store: status and fields in the head, the body as it will go out.
extension WithheldAnswer {
    /// The answer to keep.
    init(_ response: Response) {
        var head: [UInt8] = []
        Self.append(UInt32(response.status), to: &head)
        for index in 0..<response.fields.count {
            response.fields.withName(at: index) { Self.append($0, to: &head) }
            response.fields.withValue(at: index) { Self.append($0, to: &head) }
        }
        self.init(head: head, body: response.body)
    }

    /// The answer that was kept; nil when the head is not one that `init(_:)` wrote.
    var response: Response? {
        var rest = head[...]
        guard let status = Self.takeNumber(&rest) else { return nil }
        var fields = HeaderList()
        while !rest.isEmpty {
            guard let name = Self.takeText(&rest), let value = Self.takeText(&rest),
                (try? fields.add(name, value)) != nil
            else { return nil }
        }
        return Response(status: Int(status), fields: fields, body: body)
    }

    private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        append(UInt32(text.count), to: &bytes)
        bytes.append(contentsOf: text)
    }

    private static func takeNumber(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
        guard rest.count >= 4 else { return nil }
        defer { rest = rest.dropFirst(4) }
        return rest.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func takeText(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let count = takeNumber(&rest), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        // Values may be in another encoding (RFC 9110 §5.5): what is no UTF-8 is replaced, as `HeaderList` does, since
        // an answer that cannot be read back would be lost to a client that has worked for it.
        return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
    }
}
