import CKernels

/// A matrix product c = a·b, [+ c] [+ bias]: what is computed, apart from how it is shared among threads.
///
/// **Shapes**: a (m, k), b (k, n), c (m, n) with `rowStride` values from row to row, bias (n).
package struct Product {
    private var product: sg_gemm

    package init(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, rowStride: Int? = nil,
        bias: UnsafePointer<Float>? = nil, accumulate: Bool = false
    ) {
        precondition(a.columns == b.rows, "a·b needs as many columns of a as rows of b")
        product = sg_gemm(
            a: a.base, a_row: a.rowStride, a_column: a.columnStride, b: b.base, b_row: b.rowStride,
            b_column: b.columnStride, c: c, c_row: rowStride ?? b.columns, bias: bias, m: a.rows,
            n: b.columns,
            k: a.columns, alpha: 1, accumulate: accumulate ? 1 : 0)
    }

    /// Computes it on this thread.
    package func run(scratch: Arena) {
        let width = min(product.n, Self.blockColumnsMax)
        let mark = scratch.mark()
        let panels = scratch.allocate(sg_gemm_scratch(width))
        for start in stride(from: 0, to: product.n, by: max(width, 1)) {
            compute(0..<product.m, start..<min(start + width, product.n), panels)
        }
        scratch.release(to: mark)
    }

    /// Computes it on the workspace's threads.
    package func run(on workspace: Workspace) {
        let blocks = workspace.threads == 1 ? [(0..<product.m, 0..<product.n)] : self.blocks
        workspace.forEach(blocks.count) { item, scratch in
            let (rows, columns) = blocks[item]
            for start in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.blockColumnsMax) {
                let end = min(start + Self.blockColumnsMax, columns.upperBound)
                let mark = scratch.mark()
                compute(rows, start..<end, scratch.allocate(sg_gemm_scratch(end - start)))
                scratch.release(to: mark)
            }
        }
    }

    /// Computes it by the naive kernel: the oracle.
    func runNaively() {
        withUnsafePointer(to: product) { sg_naive_gemm($0) }
    }

    /// A block's packed panels take at most 256 KiB, a quarter of a usual second-level cache.
    private static let blockColumnsMax = 256

    private func compute(_ rows: Range<Int>, _ columns: Range<Int>, _ panels: UnsafeMutablePointer<Float>) {
        let block = sg_block(
            m0: rows.lowerBound, m1: rows.upperBound, n0: columns.lowerBound, n1: columns.upperBound)
        withUnsafePointer(to: product) { sg_gemm_block($0, block, panels) }
    }

    /// Blocks of the result, enough of them to even out the threads' load where there is work enough.
    private var blocks: [(Range<Int>, Range<Int>)] {
        var height = min(roundUp(product.m, to: SG_TILE_ROWS), 480)
        var width = min(roundUp(product.n, to: SG_TILE_COLUMNS), Self.blockColumnsMax)
        func count() -> Int { ((product.m + height - 1) / height) * ((product.n + width - 1) / width) }
        while count() < 8, height * width * product.k > 1 << 18 {
            if height >= width, height >= 4 * Int(SG_TILE_ROWS) {
                height = roundUp(height / 2, to: SG_TILE_ROWS)
            } else if width >= 2 * Int(SG_TILE_COLUMNS) {
                width = roundUp(width / 2, to: SG_TILE_COLUMNS)
            } else {
                break
            }
        }
        return stride(from: 0, to: product.m, by: height).flatMap { row in
            stride(from: 0, to: product.n, by: width).map { column in
                (row..<min(row + height, product.m), column..<min(column + width, product.n))
            }
        }
    }

    private func roundUp(_ value: Int, to unit: some BinaryInteger) -> Int {
        max(1, (value + Int(unit) - 1) / Int(unit)) * Int(unit)
    }
}
