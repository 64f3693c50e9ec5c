/// What a store holds under one key, on its way to another process.
package enum StoreEntry: Hashable, Sendable {
    /// A proof that has been used.
    case claim(StoreKey, until: Duration)
    /// An answer that waits for its proof.
    case answer(WithheldAnswer, StoreKey, until: Duration)
}

extension MemoryStore {
    /// Gives everything that is held to `heir`, and from here on every answer that is withheld too. Claims are refused from
    /// here on: a proof is good once, in one process. What is held stays, for `takeBack`.
    ///
    /// Returns when what is held has been given; `heir` is called later too, on any thread.
    package func handOver(to heir: @escaping @Sendable (StoreEntry) -> Void) {
        // An answer that is withheld between the two steps is given twice, which the other side takes once.
        listen(heir)
        let now = time()
        for entries in freeze(at: now) {
            for entry in entries { heir(entry) }
        }
    }

    /// Keeps claims itself again: whoever was to have them is gone and never served.
    package func takeBack() {
        listen(nil)
        thaw()
    }

    /// Takes what another process has given up, within this store's bounds; false when there was no room.
    package func adopt(_ entry: StoreEntry) -> Bool {
        switch entry {
        case .claim(let key, let until):
            if case .full = claim(key, until: until) { return false }
        case .answer(let answer, let key, let until):
            // What comes a second time needs no room of its own.
            if !holds(key), case .full = withhold(answer, as: key, until: until) { return false }
        }
        return true
    }
}
