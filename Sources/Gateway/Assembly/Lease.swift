import Dispatch

/// A part that several generations of a gateway may share, and that ends when the last of them has gone.
///
/// A generation is held by the loops and by every exchange that began with it, so its end is the end of its last
/// reference, on whichever thread that is. What a part does at its end may wait, for which no loop has time.
final class Lease<Part: Sendable>: Sendable {
    let part: Part
    private let end: @Sendable (Part) -> Void

    init(_ part: Part, end: @escaping @Sendable (Part) -> Void) {
        self.part = part
        self.end = end
    }

    deinit {
        DispatchQueue.global(qos: .utility).async { @Sendable [part, end] in end(part) }
    }
}
