/// Values in numbered slots, which are used again: a number is good until its value is removed.
struct Slots<Value> {
    private var values: [Value?] = []
    private var free: [Int] = []

    /// How many values there are.
    var count: Int { values.count - free.count }

    /// The value of a slot, which must have one.
    subscript(_ slot: Int) -> Value {
        get { values[slot]! }
        _modify { yield &values[slot]! }
    }

    /// Puts a value into a slot that is free.
    mutating func insert(_ value: Value) -> Int {
        guard let slot = free.popLast() else {
            values.append(value)
            return values.count - 1
        }
        values[slot] = value
        return slot
    }

    /// Takes the value out of a slot, which must have one.
    mutating func remove(_ slot: Int) -> Value {
        let value = values[slot]!
        values[slot] = nil
        free.append(slot)
        return value
    }

    /// Lets go of all values, and of their room where it is much.
    mutating func removeAll() {
        let isSmall = values.count <= Self.keptMax
        values.removeAll(keepingCapacity: isSmall)
        free.removeAll(keepingCapacity: isSmall)
    }

    /// Room that is kept for the next values.
    private static var keptMax: Int { 256 }
}
