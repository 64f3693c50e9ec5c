import Foundation
import Testing

@testable import Settings

@Suite("Rates")
struct RateSettingsTests {
    @Test("the fixture means what it says, and what it leaves out has its default")
    func fixture() throws {
        let url = try #require(fixtures("good").first { $0.lastPathComponent == "rates.yaml" })
        let settings = try load(String(contentsOf: url, encoding: .utf8)).settings
        #expect(settings.routes[0].rates == ["per-client", "all_2"])
        let (one, two) = (settings.rates[0], settings.rates[1])
        #expect(one.cells == 5 && one.period == .seconds(60) && one.burst == 20 && one.onFull == .allow)
        #expect(one.cost.base == 0.5 && one.cost.perSurprise == 2 && one.cost.rowMax == 10)
        #expect(two.period == .seconds(1) && two.burst == nil && two.by == .client && two.onFull == .deny)
        #expect(two.cost.base == 1 && two.cost.perSurprise == 0 && two.cost.rowMax == nil)
    }

    @Test("what the example's comments spell out as defaults are the defaults")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(
            contentsOf: root.appendingPathComponent("Config/samegate.yaml"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasPrefix("# rates:") })
        let section = lines[first...].prefix { $0.hasPrefix("#") }.map { $0.dropFirst(2) }.joined(
            separator: "\n")
        var shown = try #require(try load(base(section)).settings.rates.first)
        let bare = try #require(try load(base("rates: {per-client: {cells: 10}}")).settings.rates.first)
        // Left out, these two follow another value; the example says which.
        #expect(shown.burst == shown.cells && shown.cost.rowMax == 10)
        shown.burst = nil
        shown.cost.rowMax = nil
        #expect(shown == bare)
    }
}
