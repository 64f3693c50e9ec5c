import Foundation
import Testing

@testable import Gateway

@Suite("Gateway: the page of metrics")
struct MetricsDocumentTests {
    /// A family's name, type and labels.
    struct Family: Hashable {
        let name: String
        let type: String
        let labels: Set<String>
    }

    @Test("Metrics.md lists every metric that a gateway exposes, with its type and labels, and no other")
    func document() throws {
        let plan = Plan(listen: Plan.tls(), upstreams: "  far: {url: 'https://127.0.0.1:9'}")
        let fixture = try GatewayFixture.make(plan)
        let text = try fixture.admin().send(.get, "/metrics").text
        let exposed = Self.families(of: text)
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/samegate/Samegate.docc/Metrics.md")
        let documented = try Self.rows(of: String(contentsOf: page, encoding: .utf8))
        for family in exposed.subtracting(documented) { Issue.record("not documented so: \(family)") }
        for family in documented.subtracting(exposed) { Issue.record("not exposed so: \(family)") }
    }

    private static func families(of text: String) -> Set<Family> {
        var types: [String: String] = [:]
        var labels: [String: Set<String>] = [:]
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                let parts = line.split(separator: " ")
                types[String(parts[2])] = String(parts[3])
            } else if !line.hasPrefix("#") {
                let full = String(line.prefix { $0 != "{" && $0 != " " })
                let name =
                    ["_bucket", "_sum", "_count"].lazy.filter(full.hasSuffix).map {
                        String(full.dropLast($0.count))
                    }.first { types[$0] == "histogram" } ?? full
                let found = line.matches(of: /([a-z_]+)="/).map { String($0.output.1) }
                labels[name, default: []].formUnion(found.filter { $0 != "le" })
            }
        }
        return Set(types.map { Family(name: $0.key, type: $0.value, labels: labels[$0.key] ?? []) })
    }

    private static func rows(of page: String) -> Set<Family> {
        var rows: Set<Family> = []
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.filter { !" `".contains($0) } }
            guard cells.count == 4 else { continue }
            let labels = cells[2].split(separator: ",").map(String.init).filter { $0 != "–" }
            rows.insert(Family(name: cells[0], type: cells[1], labels: Set(labels)))
        }
        return rows
    }
}
