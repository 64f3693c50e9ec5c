/// The end of a message that names the nearest known word: `; did you mean 'policy'?`, or nothing when none is near.
func didYouMean(_ word: String, among known: [String]) -> String {
    guard let nearest = nearestWord(to: word, among: known) else { return "" }
    return "; did you mean '\(nearest)'?"
}

/// The known word at the smallest edit distance, if that is at most a third of its length (and at least one edit).
func nearestWord(to word: String, among known: [String]) -> String? {
    let written = Array(word.lowercased().unicodeScalars.prefix(64))
    let ranked = known.map { (name: $0, edits: editDistance(written, Array($0.lowercased().unicodeScalars))) }
    guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
    return best.edits <= max(1, best.name.count / 3) ? best.name : nil
}

/// The least number of insertions, deletions, substitutions and swaps of neighbours that turn one word into another.
func editDistance<Symbol: Equatable>(_ a: [Symbol], _ b: [Symbol]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                edits = min(edits, beforeLast[j - 1] + 1)
            }
            row.append(edits)
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}
