import Foundation
import Observe
import RedTeam

/// The demonstration's figures, as text and as one JSON object.
struct DemoReport {
    /// The table a person reads.
    let text: String
    /// `{"auroc":{…},"benign_allowed":…,"added_ms_p50":…,"victim_accuracy":…}` on one line.
    let json: String

    init(_ measurement: DemoMeasurement, stage: DemoStage, victimAccuracy: Double) throws {
        let fates = Dictionary(grouping: measurement.fates, by: \.kind)
        let scores = fates.mapValues { $0.map { $0.decision?.score ?? .infinity } }
        let benign = scores[.benign] ?? []
        var metrics: [DemoTraffic.Kind: DetectionMetrics] = [:]
        for kind in DemoTraffic.Kind.allCases where kind != .benign {
            metrics[kind] = DetectionMetrics(attack: scores[kind] ?? [], benign: benign)
        }
        let allowed = Self.share(fates[.benign] ?? [], of: ["pass"])
        let latency = Latency(measurement)
        text =
            Self.table(fates, metrics) + latency.text
            + String(format: "benign pictures answered unchanged: %.1f %%\n", allowed * 100)
            + "decisions: samegate decisions --summary \(stage.decisionLog)\n"
        let aurocs = metrics.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\"\($0.key.rawValue)\":\(Self.short($0.value.auroc))" }.joined(separator: ",")
        json =
            "{\"auroc\":{\(aurocs)},\"benign_allowed\":\(Self.short(allowed)),"
            + "\"added_ms_p50\":\(Self.short(latency.addedMedian)),"
            + "\"victim_accuracy\":\(Self.short(victimAccuracy))}"
    }

    /// Round trips of the same benign queries, to the victim itself and through the gateway.
    private struct Latency {
        let addedMedian: Double
        let text: String

        init(_ measurement: DemoMeasurement) {
            let direct = measurement.direct.sorted(), guarded = measurement.guarded.sorted()
            func at(_ values: [Double], _ share: Double) -> Double {
                values.isEmpty ? .nan : values[min(values.count - 1, Int(Double(values.count) * share))]
            }
            // Each query against itself: what differs between two queries is not what the gateway adds.
            let added = zip(measurement.guarded, measurement.direct).map { $0 - $1 }.sorted()
            addedMedian = at(added, 0.5)
            text = String(
                format: """
                    round trip, one client      p50 %6.2f ms   p99 %6.2f ms   victim itself
                                                p50 %6.2f ms   p99 %6.2f ms   through the gateway
                    added per query             p50 %6.2f ms   p99 %6.2f ms

                    """,
                at(direct, 0.5), at(direct, 0.99), at(guarded, 0.5), at(guarded, 0.99), addedMedian,
                at(added, 0.99))
        }
    }

    private static func table(
        _ fates: [DemoTraffic.Kind: [DemoMeasurement.Fate]], _ metrics: [DemoTraffic.Kind: DetectionMetrics]
    ) -> String {
        var text = "\n" + row(["queries", "sent", "pass", "perturb", "work", "reject", "AUROC", "FPR95"])
        for kind in DemoTraffic.Kind.allCases {
            let fates = fates[kind] ?? []
            let verdicts = ["pass", "perturb", "proof-of-work", "reject"].map { name in
                String(fates.count { $0.decision?.verdict.rawValue == name })
            }
            let figures = metrics[kind].map {
                [String(format: "%.4f", $0.auroc), String(format: "%.1f %%", $0.fpr95 * 100)]
            }
            text += row([kind.title, String(fates.count)] + verdicts + (figures ?? ["", ""]))
        }
        return text + "\n"
    }

    private static func row(_ cells: [String]) -> String {
        let head = cells[0].padding(toLength: 26, withPad: " ", startingAt: 0)
        let rest = cells.dropFirst().map { String(repeating: " ", count: max(1, 9 - $0.count)) + $0 }
        return head + rest.joined() + "\n"
    }

    private static func share(_ fates: [DemoMeasurement.Fate], of verdicts: Set<String>) -> Double {
        let hits = fates.count { verdicts.contains($0.decision?.verdict.rawValue ?? "") }
        return Double(hits) / Double(max(fates.count, 1))
    }

    private static func short(_ value: Double) -> String { String(format: "%.5g", value) }
}
