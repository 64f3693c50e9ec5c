/// What each of many has, kept so that the sum of what they have up to a bound is found in O(log `cap`): two Fenwick trees over
/// the amounts, of how many have one and of what they have together.
struct CappedSums {
    /// Of more than this it does not matter how much it is.
    let cap: Int
    private var counts: [Int]
    private var sums: [Int]
    /// How many have anything.
    private var members = 0

    /// Nobody has anything yet.
    init(cap: Int) {
        precondition(cap > 0, "a bound is positive")
        self.cap = cap
        counts = Array(repeating: 0, count: cap + 1)
        sums = Array(repeating: 0, count: cap + 1)
    }

    /// One of them has another amount; 0 for none.
    mutating func change(from old: Int, to new: Int) {
        let (old, new) = (min(old, cap), min(new, cap))
        guard old != new else { return }
        if old > 0 { add(-1, at: old) }
        if new > 0 { add(1, at: new) }
    }

    /// The sum of all amounts, each no more than `bound`, which is at most `cap`.
    func sum(upTo bound: Int) -> Int {
        var (count, sum, place) = (0, 0, bound)
        while place > 0 {
            count += counts[place]
            sum += sums[place]
            place &= place - 1
        }
        return sum + bound * (members - count)
    }

    private mutating func add(_ count: Int, at amount: Int) {
        members += count
        var place = amount
        while place <= cap {
            counts[place] += count
            sums[place] += count * amount
            place += place & -place
        }
    }
}
