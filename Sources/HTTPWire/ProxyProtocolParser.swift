/// Reads the PROXY header at the front of a connection.
///
/// A function of the bytes so far: what it says of them it says of any longer stream that begins with them, so that
/// how they arrive changes nothing. The caller keeps the bytes, at most `bytesMax` of them.
package enum ProxyProtocolParser {
    /// The longest header read: version 2 with addresses and extensions. **Units**: bytes.
    package static let bytesMax = headBytes + extentMax
    /// The longest line of version 1, its CRLF included (§2.1). **Units**: bytes.
    package static let lineBytesMax = 107
    /// The bytes of version 2 that say how many follow.
    static let headBytes = 16
    /// Most bytes that follow; HAProxy's with every extension but a client's certificate take a few hundred.
    static let extentMax = 4096
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    static let word = Array("PROXY ".utf8)

    /// A header and how many bytes it took; nil while it is incomplete. **Throws** what is wrong as soon as it shows.
    package static func parse(
        _ input: Span<UInt8>
    ) throws(ProxyProtocolError) -> (header: ProxyProtocolHeader, consumed: Int)? {
        guard input.count > 0 else { return nil }
        let isFirst = input[0] == word[0]
        let mark = isFirst ? word : signature
        for index in 0..<min(mark.count, input.count) where input[index] != mark[index] { throw .absent }
        guard input.count >= mark.count else { return nil }
        return isFirst ? try parseLine(input) : try parseBlock(input)
    }
}
