/// Numbers as JSON text.
enum JSONNumber {
    /// Appends the shortest decimal that reads back as the same Float; `value` is finite.
    static func append(_ value: Float, to text: inout [UInt8]) {
        // Swift's description is the shortest that round-trips, and for finite values is JSON's grammar.
        text += value.description.utf8
    }
}
