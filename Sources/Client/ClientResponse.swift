import HTTPWire

/// A whole answer.
package struct ClientResponse: Sendable {
    package let status: Int
    package let fields: HeaderList
    package let body: [UInt8]
    /// From the first byte sent to the last received.
    package let latency: Duration
}
