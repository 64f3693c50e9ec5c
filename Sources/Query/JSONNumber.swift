/// Numbers as JSON text.
enum JSONNumber {
    /// Appends the shortest decimal that reads back as the same Float; `value` is finite. `asWhole` writes whole numbers as
    /// readers of integers want them: 64, not 64.0.
    static func append(_ value: Float, asWhole: Bool = false, to text: inout [UInt8]) {
        if asWhole, let whole = Int32(exactly: value) {
            text += whole.description.utf8
            return
        }
        // Swift's description is the shortest that round-trips, and for finite values is JSON's grammar.
        text += value.description.utf8
    }
}
