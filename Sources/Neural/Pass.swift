import Tensor

/// One way of a batch through a network: memory for its activations and, in training, the way back.
///
/// Layers are immutable while a pass runs; whatever differs from pass to pass is here. In training each layer
/// records how to run backward; ``backward()`` runs these in reverse. Gradients of parameters add up.
package final class Pass {
    /// What the pass is for.
    package enum Mode: Sendable {
        /// Forward only; memory is reused as early as possible.
        case inference
        /// Forward and backward, with the batch's own statistics in BatchNorm.
        case training
        /// Forward as in inference, then backward to the input; parameters get no gradient.
        case inputGradient
    }

    /// What the pass is for.
    package let mode: Mode
    /// Where it computes.
    package let workspace: Workspace
    private let start: Arena.Mark
    private var steps: [() -> Void] = []

    /// A pass in a workspace, whose arena it gives back at ``end()``.
    package init(_ mode: Mode, _ workspace: Workspace) {
        self.mode = mode
        self.workspace = workspace
        start = workspace.arena.mark()
    }

    /// Whether a backward pass will follow.
    package var records: Bool { mode != .inference }
    /// Whether parameters get gradients.
    package var trains: Bool { mode == .training }

    /// Frees every activation of the pass.
    package func end() {
        steps = []
        workspace.arena.release(to: start)
    }

    /// A new activation with uninitialised values.
    package func activation(_ rows: Int, _ columns: Int) -> Activation {
        Activation(workspace.arena.allocate(rows * columns), rows, columns, needsGradient: records)
    }

    /// Values in the pass's arena as the network's input.
    package func input(taking values: UnsafeMutablePointer<Float>, rows: Int, columns: Int) -> Activation {
        Activation(values, rows, columns, needsGradient: mode == .inputGradient)
    }

    /// A tensor, or some of its rows, copied as the network's input: rows by the number of values of a row.
    package func input(_ tensor: Tensor, rows: Range<Int>? = nil) -> Activation {
        let (range, columns) = (rows ?? 0..<tensor.rows, tensor.rowCount)
        let room = workspace.arena.allocate(range.count * columns)
        tensor.values[range.lowerBound * columns..<range.upperBound * columns].withUnsafeBufferPointer {
            if let source = $0.baseAddress { room.update(from: source, count: $0.count) }
        }
        return input(taking: room, rows: range.count, columns: columns)
    }

    /// Keeps how to run a step backward.
    package func record(_ backward: @escaping () -> Void) {
        if records { steps.append(backward) }
    }

    /// Runs every recorded step backward, the last first. The loss has set its activation's gradient.
    package func backward() {
        while let step = steps.popLast() { step() }
    }

    /// Runs a part of the network; in inference, gives back what it allocated.
    func scope<Result>(_ body: () -> Result) -> Result {
        guard !records else { return body() }
        let mark = workspace.arena.mark()
        defer { workspace.arena.release(to: mark) }
        return body()
    }

    /// Where to write the whole of x's gradient. Traps when something else used x too.
    package func overwritingSink(for x: Activation) -> UnsafeMutablePointer<Float> {
        precondition(x.gradient == nil, "this activation has one use")
        return sink(for: x).room
    }

    /// Where to put x's gradient, and whether to add to what is there. Everything that uses x calls it, so the
    /// first writes and the others add, and nothing has to be cleared.
    func sink(for x: Activation) -> (room: UnsafeMutablePointer<Float>, accumulate: Bool) {
        if let room = x.gradient { return (room, true) }
        let room = workspace.arena.allocate(x.count)
        x.gradient = room
        return (room, false)
    }

    /// The gradient that reached y. Traps when the loss did not depend on it, which is a network built wrong.
    package func gradient(of y: Activation) -> UnsafeMutablePointer<Float> {
        guard let gradient = y.gradient else { preconditionFailure("no gradient reached this activation") }
        return gradient
    }
}

extension Pass {
    /// Values per item where work is split element by element.
    static let chunk = 1 << 14
    /// Rows per partial sum where rows are summed: fixed, so that sums do not depend on the threads.
    static let sliceRows = 512

    /// Sums over slices of so many rows, whatever the number of threads: each slice adds to zeros of its own, and these are
    /// added up in order. The arena given is the thread's own, released after each slice.
    func reduce(
        rows: Int, by sliceRows: Int = Pass.sliceRows, into total: UnsafeMutablePointer<Float>, count: Int,
        _ slice: (_ rows: Range<Int>, _ partial: UnsafeMutablePointer<Float>, _ scratch: Arena) -> Void
    ) {
        let slices = (rows + sliceRows - 1) / sliceRows
        let mark = workspace.arena.mark()
        let partials = workspace.arena.zeros(slices * count)
        workspace.forEachChunk(of: rows, by: sliceRows) { range, scratch in
            slice(range, partials + range.lowerBound / sliceRows * count, scratch)
        }
        for index in 0..<slices { Kernels.add(total, partials + index * count, into: total, count) }
        workspace.arena.release(to: mark)
    }
}
