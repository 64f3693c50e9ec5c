import HTTPWire
import Transport

/// Whose connection to an upstream it is, and what the client has connected to: what a PROXY header says.
///
/// A connection that began with a header is its client's alone, so it is never used for another's requests.
struct ConnectionOrigin: Equatable {
    let client: SocketAddress
    let destination: SocketAddress

    /// Appends the header.
    func append(_ version: ProxyProtocolWriter.Version, to output: inout [UInt8]) {
        ProxyProtocolWriter.append(
            version, source: Self.address(client), destination: Self.address(destination), to: &output)
    }

    private static func address(_ address: SocketAddress) -> ProxyProtocolHeader.Address {
        ProxyProtocolHeader.Address(bytes: address.networkBytes, port: address.port)
    }
}

extension ServerConnection {
    /// Whose requests these are; nil where the upstream is not told by a header.
    func origin(towards upstream: Upstream) -> ConnectionOrigin? {
        guard upstream.settings.proxyProtocol != nil else { return nil }
        return ConnectionOrigin(client: client, destination: localAddress ?? peer)
    }
}
