import Tensor
import Testing

@testable import Gateway

@Suite("Gateway: what the scoring queue is made of, beside naive forms of it")
struct ScoringStructureTests {
    @Test("a heap's first is the least, whatever comes, goes or changes", arguments: 0..<6)
    func heap(seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        var heap = IndexedHeap<Int>()
        var naive: [Int: Int] = [:]
        for _ in 0..<2_000 {
            let item = generator.integer(below: 40)
            if generator.integer(below: 3) > 0 {
                // Keys differ, so that there is one least.
                let key = generator.integer(below: 1_000) * 40 + item
                heap.set(item, key)
                naive[item] = key
            } else {
                heap.remove(item)
                naive[item] = nil
            }
            let least = naive.min { $0.value < $1.value }
            #expect(heap.count == naive.count && heap.isEmpty == naive.isEmpty)
            #expect(heap.first?.item == least?.key && heap.first?.key == least?.value)
        }
        heap.removeAll()
        #expect(heap.isEmpty && heap.first == nil)
        heap.set(3, 1)
        #expect(heap.first?.item == 3)
    }

    @Test("a slot keeps its value until that is removed, and is used again", arguments: 0..<4)
    func slots(seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        var slots = Slots<Int>()
        var naive: [Int: Int] = [:]
        for value in 0..<2_000 {
            if naive.count < 30, generator.integer(below: 2) == 0 {
                let slot = slots.insert(value)
                #expect(slot < 30 && naive[slot] == nil)
                naive[slot] = value
            } else if let slot = naive.keys.sorted().randomElement(using: &generator) {
                #expect(slots.remove(slot) == naive.removeValue(forKey: slot))
            }
            #expect(slots.count == naive.count && naive.allSatisfy { slots[$0.key] == $0.value })
        }
        slots.removeAll()
        #expect(slots.count == 0 && slots.insert(1) == 0)
    }

    @Test("sums up to a bound are what adding up gives", arguments: [1, 2, 3, 7, 64, 100])
    func sums(cap: Int) {
        var generator = RandomGenerator(seed: UInt64(cap))
        var sums = CappedSums(cap: cap)
        var naive = [Int](repeating: 0, count: 12)
        for _ in 0..<1_000 {
            let one = generator.integer(below: naive.count)
            let new = generator.integer(below: 3) == 0 ? 0 : generator.integer(below: cap + cap / 2 + 2)
            sums.change(from: naive[one], to: new)
            naive[one] = new
            let bound = generator.integer(below: cap + 1)
            #expect(sums.sum(upTo: bound) == naive.reduce(0) { $0 + min($1, bound) })
        }
    }
}
