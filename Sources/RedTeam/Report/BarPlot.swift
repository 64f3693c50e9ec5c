import Foundation

/// Grouped horizontal bars, each with its number: names have room, however long.
struct BarPlot {
    struct Group {
        var name: String
        /// One a series; nil where there is none.
        var values: [Double?]
    }

    var title: String
    var axis: PlotAxis
    /// The number at a bar's end.
    var number: (Double) -> String
    var series: [String]
    var groups: [Group]

    /// A share as a percentage with one decimal.
    static func percent(_ value: Double) -> String { String(format: "%.1f", 100 * value) }

    private static let width = 640.0
    private static let barHeight = 15.0
    private static let left = 176.0
    private static let right = 70.0

    /// The drawing, as high as its bars need.
    var svg: String {
        let head = series.count > 1 ? 24.0 : 6
        let groupHeight = Double(series.count) * Self.barHeight + 10
        let height = head + Double(groups.count) * groupHeight + 42
        let inner = Self.width - Self.left - Self.right
        let description =
            "\(axis.title) of \(groups.map(\.name).joined(separator: ", ")) by \(series.joined(separator: ", "))"
        var parts = [
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(height))\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">",
            "<title>\(Markup.escape(title))</title><desc>\(Markup.escape(description))</desc>",
        ]
        parts += legend
        let bottom = height - 40
        for tick in axis.ticks {
            let x = Markup.number(Self.left + inner * axis.place(tick))
            parts.append("<line class=\"rule\" x1=\"\(x)\" y1=\"\(head)\" x2=\"\(x)\" y2=\"\(bottom)\"/>")
            parts.append(
                "<text class=\"soft\" x=\"\(x)\" y=\"\(bottom + 15)\" text-anchor=\"middle\">\(Markup.escape(axis.format(tick)))</text>"
            )
        }
        for (place, group) in groups.enumerated() {
            parts += bars(group, top: head + Double(place) * groupHeight + 5, inner: inner)
        }
        parts.append(
            "<text x=\"\(Self.left + inner / 2)\" y=\"\(height - 6)\" text-anchor=\"middle\">\(Markup.escape(axis.title))</text>"
        )
        return parts.joined() + "</svg>"
    }

    private func bars(_ group: Group, top: Double, inner: Double) -> [String] {
        let middle = top + Double(series.count) * Self.barHeight / 2 + 4
        var parts = [
            "<text x=\"\(Self.left - 8)\" y=\"\(Markup.number(middle))\" text-anchor=\"end\">\(Markup.escape(String(group.name.prefix(27))))</text>"
        ]
        for (index, value) in group.values.enumerated() {
            guard let value else { continue }
            let y = top + Double(index) * Self.barHeight
            let length = max(0.5, inner * axis.place(value))
            parts.append(
                "<rect class=\"f\(index % 10)\" x=\"\(Self.left)\" y=\"\(Markup.number(y))\" width=\"\(Markup.number(length))\" height=\"\(Self.barHeight - 2)\"/>"
            )
            parts.append(
                "<text x=\"\(Markup.number(Self.left + length + 5))\" y=\"\(Markup.number(y + 11))\">\(Markup.escape(number(value)))</text>"
            )
        }
        return parts
    }

    private var legend: [String] {
        guard series.count > 1 else { return [] }
        let step = (Self.width - 20) / Double(series.count)
        return series.enumerated().map { index, name in
            let x = 10 + Double(index) * step
            return
                "<rect class=\"f\(index % 10)\" x=\"\(Markup.number(x))\" y=\"4\" width=\"12\" height=\"10\"/>"
                + "<text x=\"\(Markup.number(x + 17))\" y=\"13\">\(Markup.escape(name))</text>"
        }
    }
}
