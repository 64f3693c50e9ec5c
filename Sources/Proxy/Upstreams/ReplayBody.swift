/// What of a streamed body has been sent, for sending it again; given up once it is longer than its bound.
struct ReplayBody {
    private let bytesMax: Int
    private(set) var bytes: [UInt8] = []
    /// Whether nothing that has been sent is missing.
    private(set) var isWhole = true

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    mutating func record(_ more: UnsafeRawBufferPointer) {
        guard isWhole else { return }
        guard bytes.count + more.count <= bytesMax else {
            isWhole = false
            bytes = []
            return
        }
        bytes.append(contentsOf: more)
    }
}
