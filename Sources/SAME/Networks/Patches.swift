import Tensor

/// A batch of images cut into patches: (B·T, C·p²), patches row by row, within a patch channel, row, column.
///
/// The loss is taken on patches: they hold the same pixels as the images.
struct Patches {
    let images: Int
    let architecture: MaskedAutoencoderArchitecture
    let values: UnsafeMutablePointer<Float>

    init(_ batch: Tensor, _ architecture: MaskedAutoencoderArchitecture, _ arena: Arena) {
        self.init(batch, 0..<batch.rows, architecture, arena)
    }

    /// Cuts some of the batch's images.
    init(_ batch: Tensor, _ range: Range<Int>, _ architecture: MaskedAutoencoderArchitecture, _ arena: Arena)
    {
        images = range.count
        self.architecture = architecture
        values = arena.allocate(range.count * batch.rowCount)
        let (count, values) = (batch.rowCount, values)
        batch.values.withUnsafeBufferPointer { source in
            eachRun { inPatches, inImages in
                let from = source.baseAddress! + range.lowerBound * count + inImages
                (values + inPatches).update(from: from, count: architecture.patch)
            }
        }
    }

    /// Puts patches together again: `room` gets the images, (B, C·H·W).
    func assemble(_ patches: UnsafeMutablePointer<Float>, into room: UnsafeMutablePointer<Float>) {
        eachRun { inPatches, inImages in
            (room + inImages).update(from: patches + inPatches, count: architecture.patch)
        }
    }

    private func eachRun(_ body: (_ inPatches: Int, _ inImages: Int) -> Void) {
        PatchRuns(image: architecture.image, patch: architecture.patch).forEach(images: images, body)
    }
}

/// Where the pixels of patches lie in their images.
struct PatchRuns {
    let image: ImageShape
    let patch: Int

    /// Calls the body for each run of `patch` pixels that are neighbours both in the patches and in the images.
    func forEach(images: Int, _ body: (_ inPatches: Int, _ inImages: Int) -> Void) {
        var inPatches = 0
        for index in 0..<images {
            for top in stride(from: 0, to: image.height, by: patch) {
                for left in stride(from: 0, to: image.width, by: patch) {
                    for line in 0..<image.channels * patch {
                        let (channel, y) = line.quotientAndRemainder(dividingBy: patch)
                        let row = (index * image.channels + channel) * image.height + top + y
                        body(inPatches, row * image.width + left)
                        inPatches += patch
                    }
                }
            }
        }
    }
}
