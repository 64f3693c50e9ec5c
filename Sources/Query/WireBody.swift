/// A message's body, and how much of it is JSON.
package struct WireBody: Hashable, Sendable {
    package var bytes: [UInt8]
    /// How many bytes are JSON where raw tensors follow it (the Open Inference Protocol's `Inference-Header-Content-Length`); nil
    /// where all are.
    package var jsonBytes: Int?

    package init(bytes: [UInt8], jsonBytes: Int? = nil) {
        self.bytes = bytes
        self.jsonBytes = jsonBytes
    }
}
