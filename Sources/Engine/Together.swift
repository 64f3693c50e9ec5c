import Glibc

/// How much passes through a stack of transformer blocks together, by what stays in the second-level cache.
///
/// More rows in a product fill its tiles better and read its weights less often, but need room beside them. The two branches of
/// a block differ: attention needs whole images, the two layers after it any rows. Each goes over all images part by part
/// before the next one's weights are fetched.
struct Together {
    /// Images whose rows make one product before attention.
    let images: Int
    /// Images that pass through the blocks together, a multiple of those.
    let imagesAtOnce: Int
    /// Rows that pass through the two layers after attention at once.
    let rows: Int

    /// The bytes of the second-level cache; a usual size where the system does not say.
    private static let cacheBytes: Int = {
        #if os(Linux)
            let found = sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
            if found > 0 { return found }
        #endif
        return 1 << 20
    }()

    /// What suits a stack of so many blocks.
    ///
    /// Weights that all fit half of the cache stay there, beside activations in an eighth; more images at once would only
    /// wait for each other. Otherwise three eighths are for the activations of a part, and the stream of all images takes
    /// what the larger branch's weights leave, or the smaller one's where those are too many.
    init(_ kernels: KernelSet, channels: Int, tokens: Int, blocks: Int) {
        let square = channels * channels * kernels.mainKind.size
        let isSmall = 12 * square * blocks <= Self.cacheBytes / 2
        let room = isSmall ? Self.cacheBytes / 8 : Self.cacheBytes * 3 / 8
        let row = Self.rowBytes(kernels, channels)
        images = max(1, min(Plan.imagesAtOnce, room / (tokens * row)))
        rows = max(Self.rowsMin, room / row)
        let part = images * tokens * row
        let stream = images * tokens * roundUp(channels) * 4
        let fitting = [8 * square, 4 * square].map { (Self.cacheBytes - part - $0) / stream }.first { $0 > 1 }
        imagesAtOnce = isSmall ? images : max(1, min(Plan.imagesAtOnce / images, fitting ?? 1)) * images
    }

    /// One image at a time.
    init(oneImageOf tokens: Int, _ kernels: KernelSet, channels: Int) {
        images = 1
        imagesAtOnce = 1
        rows = max(Self.rowsMin, Self.cacheBytes * 3 / 8 / Self.rowBytes(kernels, channels))
    }

    /// The fewest rows worth a pass over the weights.
    private static let rowsMin = 48

    /// The bytes of activations that a row needs in either branch: stream, operand, and queries, keys, values and what
    /// attention makes of them, or the four times wider row in between.
    private static func rowBytes(_ kernels: KernelSet, _ channels: Int) -> Int {
        let converted = kernels.mainKind == kernels.innerKind ? 0 : 4 * kernels.mainKind.size
        return roundUp(channels) * (4 + kernels.mainKind.size + 4 * kernels.innerKind.size + converted)
    }
}
