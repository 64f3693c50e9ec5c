import Transport

@testable import Gateway

/// The scoring queue as its rules read: lists that are searched, sorted and summed anew each time. The oracle of the real one.
struct NaiveScoringQueue {
    struct Item {
        let place: ScoringPlace
        let client: ScoringClient?
        let number: Int
        let rows: Int
        let operationsPerRow: Double
        let deadline: MonotonicTime
        let isQuery: Bool
        var tag = 0.0
        var taken = 0

        var waiting: Int { rows - taken }
        var mayLeave: Bool { isQuery && taken == 0 }
    }

    struct Lane {
        var tag: Double
        var service = 0.0
        /// Where each client's next work begins.
        var ends: [ScoringClient?: Double] = [:]
        var items: [Item] = []

        var rows: Int { items.reduce(0) { $0 + $1.waiting } }
    }

    enum Placing: Equatable {
        case queued([ScoringPlace])
        case full
        case crowded
    }

    let rowsMax: Int
    let turnRowsMax: Int
    /// By the number of the model; -1 for jobs.
    var lanes: [Int: Lane] = [:]
    var working: [ScoringPlace: (client: ScoringClient?, rows: Int)] = [:]
    var service = 0.0
    var count = 0

    init(rowsMax: Int, turnRowsMax: Int) { (self.rowsMax, self.turnRowsMax) = (rowsMax, turnRowsMax) }

    var rows: Int { lanes.values.reduce(0) { $0 + $1.rows } }

    private func waiting(_ client: ScoringClient) -> Int {
        lanes.values.flatMap(\.items).filter { $0.client == client }.reduce(0) { $0 + $1.waiting }
    }

    func unfinished(_ client: ScoringClient) -> Int {
        waiting(client) + working.values.filter { $0.client == client }.reduce(0) { $0 + $1.rows }
    }

    mutating func add(
        _ place: ScoringPlace, rows need: Int, model: Int, operationsPerRow: Double, deadline: MonotonicTime,
        of client: ScoringClient?
    ) -> Placing {
        let isCrowding = client.map { unfinished($0) + need > 1 } ?? false
        var displaced: [ScoringPlace] = []
        if !fits(need, client) {
            guard client == nil, let found = displace(model, need) else {
                return isCrowding ? .crowded : .full
            }
            displaced = found
        }
        var lane = lanes[model] ?? Lane(tag: service)
        if lane.items.isEmpty { lane.tag = max(lane.tag, service) }
        var item = Item(
            place: place, client: client, number: count, rows: need, operationsPerRow: operationsPerRow,
            deadline: deadline, isQuery: model >= 0)
        count += 1
        item.tag = max(lane.ends[client] ?? lane.service, lane.service)
        lane.ends[client] = item.tag + Double(need) * operationsPerRow
        lane.items.append(item)
        lanes[model] = lane
        return .queued(displaced)
    }

    private func fits(_ need: Int, _ client: ScoringClient?) -> Bool {
        if rows == 0 || rows + need <= rowsMax { return true }
        guard let client else { return false }
        if need > rowsMax { return rows < rowsMax && unfinished(client) == 0 }
        let own = waiting(client) + need
        let others = Set(lanes.values.flatMap(\.items).compactMap(\.client)).subtracting([client])
        return others.reduce(own) { $0 + min(waiting($1), own) } <= rowsMax
    }

    private mutating func displace(_ model: Int, _ need: Int) -> [ScoringPlace]? {
        let longest = lanes.values.map(\.rows).max() ?? 0
        // Tests have two models that could be longest, and one of them gains.
        guard let from = lanes.first(where: { $0.value.rows == longest && $0.key != model })?.key else {
            return nil
        }
        guard (lanes[model]?.rows ?? 0) < longest else { return nil }
        let gaining = need + (lanes[model]?.rows ?? 0)
        var (freed, found) = (0, [ScoringPlace]())
        for item in lanes[from]!.items.sorted(by: { $0.number > $1.number })
        where freed < rows + need - rowsMax {
            guard item.mayLeave, longest - freed - item.waiting >= gaining else { return nil }
            found.append(item.place)
            freed += item.waiting
        }
        guard freed >= rows + need - rowsMax else { return nil }
        for place in found { remove(place) }
        return found
    }

    /// Takes out what is not served any further: what is behind it of its client moves up.
    private mutating func remove(_ place: ScoringPlace) {
        for (model, lane) in lanes {
            var lane = lane
            guard let index = lane.items.firstIndex(where: { $0.place == place }) else { continue }
            let gone = lane.items.remove(at: index)
            let less = Double(gone.waiting) * gone.operationsPerRow
            for other in lane.items.indices
            where lane.items[other].client == gone.client && lane.items[other].number > gone.number {
                lane.items[other].tag -= less
            }
            lane.ends[gone.client]! -= less
            if lane.items.isEmpty { lane.ends = [:] }
            lanes[model] = lane
        }
    }

    mutating func leave(_ place: ScoringPlace) {
        remove(place)
        working[place] = nil
    }

    mutating func finish(_ place: ScoringPlace, rows: Int) {
        guard let left = working[place] else { return }
        working[place] = left.rows == rows ? nil : (left.client, left.rows - rows)
    }

    /// What the next turn has, and what was late.
    mutating func take(
        now: MonotonicTime, workers: Int
    ) -> (turn: [(place: ScoringPlace, rows: Range<Int>)], late: [ScoringPlace]) {
        var late: [ScoringPlace] = []
        while let model = nextLane() {
            let gone = lanes[model]!.items.filter { $0.mayLeave && $0.deadline < now }
                .sorted { ($0.deadline, $0.number) < ($1.deadline, $1.number) }
            late += gone.map(\.place)
            for item in gone { remove(item.place) }
            guard !lanes[model]!.items.isEmpty else { continue }
            service = lanes[model]!.tag
            return (serve(model, workers), late)
        }
        return ([], late)
    }

    private func first(of lane: Lane) -> Item? {
        lane.items.min { ($0.tag, $0.number) < ($1.tag, $1.number) }
    }

    private func nextLane() -> Int? {
        lanes.filter { !$0.value.items.isEmpty }.min {
            ($0.value.tag, first(of: $0.value)!.number) < ($1.value.tag, first(of: $1.value)!.number)
        }?.key
    }

    private mutating func serve(_ model: Int, _ workers: Int) -> [(place: ScoringPlace, rows: Range<Int>)] {
        var (turn, lane) = ([(place: ScoringPlace, rows: Range<Int>)](), lanes[model]!)
        var room = max(1, min(turnRowsMax, (lane.rows + workers - 1) / workers))
        let part = max(1, room / Set(lane.items.map(\.client)).count)
        while room > 0, let item = first(of: lane) {
            let index = lane.items.firstIndex { $0.place == item.place }!
            let count = item.isQuery ? min(room, part, item.waiting) : item.rows
            let rows = item.taken..<item.taken + count
            if let last = turn.last, last.place == item.place {
                turn[turn.count - 1].rows = last.rows.lowerBound..<rows.upperBound
            } else {
                turn.append((item.place, rows))
            }
            let operations = Double(count) * item.operationsPerRow
            lane.tag += operations
            lane.service = item.tag
            lane.items[index].tag += operations
            lane.items[index].taken += count
            if lane.items[index].waiting == 0 { lane.items.remove(at: index) }
            if lane.items.isEmpty { lane.ends = [:] }
            working[item.place] = (item.client, (working[item.place]?.rows ?? 0) + count)
            room -= count
            if !item.isQuery { break }
        }
        lanes[model] = lane
        return turn
    }
}
