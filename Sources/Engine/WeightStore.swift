import CKernels

/// The memory of a plan's packed weights: written while the plan is made, then only read.
///
/// Few large blocks on large pages: weights of tens of megabytes in pages of 4 KiB would not fit the processor's
/// table of translations, and are walked through once for every query.
final class WeightStore {
    private var blocks: [UnsafeMutableRawBufferPointer] = []
    private var used = 0
    /// The deepest product of 8-bit integers whose weights lie here.
    private(set) var bytesDepth = 0
    private static let blockBytes = 4 << 20

    deinit {
        for block in blocks { block.deallocate() }
    }

    /// The bytes held.
    var bytesHeld: Int { blocks.reduce(0) { $0 + $1.count } }

    /// Zeroed room, aligned to 64 bytes, for as long as the store lives.
    func room(bytes: Int) -> UnsafeMutableRawPointer {
        let padded = (max(bytes, 1) + 63) & ~63
        if blocks.last.map({ $0.count - used < padded }) ?? true { addBlock(atLeast: padded) }
        defer { used += padded }
        // A block was just made where there was none.
        return blocks[blocks.count - 1].baseAddress! + used
    }

    /// Zeroed room for floats.
    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        room(bytes: 4 * count).bindMemory(to: Float.self, capacity: count)
    }

    /// The values, padded with zeros to a multiple of the kernels' padding.
    func padded(_ values: some Collection<Float>) -> UnsafeMutablePointer<Float> {
        let to = floats(roundUp(values.count))
        for (index, value) in values.enumerated() { to[index] = value }
        return to
    }

    /// Takes note of a product of 8-bit integers.
    func note(bytesDepth depth: Int) { bytesDepth = max(bytesDepth, depth) }

    /// Throws where a sum of 8-bit products could come to more than the 32 bits that it is taken in.
    func requireRoomForSums(_ precision: Plan.Precision) throws(PlanError) {
        guard bytesDepth <= Plan.Precision.bytesDepthMax else {
            throw .tooDeep(precision, depth: bytesDepth)
        }
    }

    private func addBlock(atLeast bytes: Int) {
        let size = roundUp(max(bytes, blocks.isEmpty ? 1 : Self.blockBytes), to: LargePages.bytes)
        let block = LargePages.allocate(bytes: size)
        blocks.append(block)
        used = 0
    }
}

/// The next multiple of the unit; of the kernels' padding unless told otherwise.
func roundUp(_ value: Int, to unit: Int = Int(SG_INFER_PAD)) -> Int { (value + unit - 1) / unit * unit }
