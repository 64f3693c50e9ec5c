import Testing

@testable import Metrics

@Suite("GatewayMetrics")
struct GatewayMetricsTests {
    @Test("what a route's handles count appears under the route and the right value of each label")
    func routes() throws {
        let registry = MetricRegistry(shards: 2)
        let metrics = try GatewayMetrics(registry: registry, routes: ["a", "b"], upstreams: ["victim"])
        let route = try #require(metrics.route("b"))
        #expect(metrics.route("c") == nil)
        for status in [200, 204, 429, 503, 101, 302, 42, 999] { route.answered(status: status, shard: 1) }
        route.answered(status: nil, shard: 0)
        route.count(.unscored, rows: 3, shard: 0)
        route.count(.proofOfWork, shard: 1)
        route.count(.upstream, shard: 0)
        route.count(.limitUnknown, shard: 0)
        route.record(.total, .seconds(2), shard: 0)
        metrics.failures(upstream: "victim")?.add()
        let read = try StrictExposition(registry.exposition(), openMetrics: false)
        func values(_ family: String, _ label: String) -> [String: Double] {
            let samples = (read.families[family]?.samples ?? []).filter {
                $0.labels["route"] == "b" && $0.value > 0
            }
            return samples.reduce(into: [:]) { $0[$1.labels[label] ?? ""] = $1.value }
        }
        #expect(
            values("samegate_requests_total", "status_class")
                == ["2xx": 2, "4xx": 1, "5xx": 1, "1xx": 1, "3xx": 1, "none": 3])
        #expect(values("samegate_rows_total", "verdict") == ["unscored": 3, "proof-of-work": 1])
        #expect(values("samegate_refusals_total", "reason") == ["upstream": 1, "limit-unknown": 1])
        let total = read.families["samegate_request_duration_seconds"]?.samples.first {
            $0.name.hasSuffix("_sum") && $0.labels == ["route": "b", "phase": "total"]
        }
        #expect(total?.value == 2)
        #expect(read.families["samegate_upstream_failures_total"]?.samples.first?.value == 1)
    }
}
