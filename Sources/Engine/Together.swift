import Glibc

/// How much passes through a stack of transformer blocks together, by what stays in the second-level cache.
///
/// More rows in a product fill its tiles better and read its weights less often, but need room beside them. The two branches of
/// a block differ: attention needs whole images, the two layers after it any rows.
///
/// Weights that do not stay are asked for ahead of their use and cost next to nothing, so images gain little from each other:
/// `samegate bench score --batch 1,8` shows how much.
struct Together {
    /// Images whose rows make one product before attention; no more of them pass through the blocks at once.
    let images: Int
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

    /// What suits a stack of so many blocks: where all their weights fit half of the cache, as many images as fit an eighth;
    /// otherwise as fit a quarter, and as many rows as fit three eighths.
    init(_ kernels: KernelSet, channels: Int, tokens: Int, blocks: Int) {
        let weights = 12 * channels * channels * kernels.mainKind.size * blocks
        let row = Self.rowBytes(kernels, channels)
        let room = weights <= Self.cacheBytes / 2 ? Self.cacheBytes / 8 : Self.cacheBytes / 4
        images = max(1, min(Plan.imagesAtOnce, room / (tokens * row)))
        rows = Self.rows(row)
    }

    /// One image at a time.
    init(oneImageOf kernels: KernelSet, channels: Int) {
        images = 1
        rows = Self.rows(Self.rowBytes(kernels, channels))
    }

    private static func rows(_ rowBytes: Int) -> Int { max(rowsMin, cacheBytes * 3 / 8 / rowBytes) }

    /// The fewest rows worth a pass over the weights.
    private static let rowsMin = 48

    /// The bytes of activations that a row needs in either branch: stream, operand, and queries, keys, values and what
    /// attention makes of them, or the four times wider row in between.
    private static func rowBytes(_ kernels: KernelSet, _ channels: Int) -> Int {
        let converted = kernels.mainKind == kernels.innerKind ? 0 : 4 * kernels.mainKind.size
        return roundUp(channels) * (4 + kernels.mainKind.size + 4 * kernels.innerKind.size + converted)
    }
}
