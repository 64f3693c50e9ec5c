/// Small numbers by their keys, the least key first; a number's key can change, and it can leave, in O(log n).
struct IndexedHeap<Key: Comparable> {
    /// A number with its key.
    struct Element {
        let item: Int
        let key: Key
    }

    private var elements: [Element] = []
    /// Where each number is among the elements; -1 for none.
    private var positions: [Int] = []

    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }
    /// That of the least key.
    var first: Element? { elements.first }

    /// Adds a number, or changes its key.
    mutating func set(_ item: Int, _ key: Key) {
        let element = Element(item: item, key: key)
        if item >= positions.count {
            positions.append(contentsOf: repeatElement(-1, count: item + 1 - positions.count))
        }
        if positions[item] < 0 {
            positions[item] = elements.count
            elements.append(element)
        } else {
            elements[positions[item]] = element
        }
        settle(positions[item])
    }

    /// Removes a number, if it is here.
    mutating func remove(_ item: Int) {
        guard item < positions.count, positions[item] >= 0 else { return }
        let position = positions[item]
        positions[item] = -1
        let last = elements.removeLast()
        guard last.item != item else { return }
        elements[position] = last
        positions[last.item] = position
        settle(position)
    }

    /// Removes all, and their room where it is much.
    mutating func removeAll() {
        let isSmall = positions.count <= Self.keptMax
        elements.removeAll(keepingCapacity: isSmall)
        positions.removeAll(keepingCapacity: isSmall)
    }

    /// Room that is kept for the next ones.
    private static var keptMax: Int { 256 }

    /// Moves the element at `position` to where its key belongs.
    private mutating func settle(_ position: Int) {
        var position = position
        while position > 0, elements[position].key < elements[(position - 1) / 2].key {
            swap(position, (position - 1) / 2)
            position = (position - 1) / 2
        }
        while true {
            var least = position
            for child in [2 * position + 1, 2 * position + 2]
            where child < elements.count && elements[child].key < elements[least].key { least = child }
            guard least != position else { return }
            swap(position, least)
            position = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
        elements.swapAt(one, other)
        positions[elements[one].item] = one
        positions[elements[other].item] = other
    }
}
