import Foundation
import TestSupport
import Testing

@testable import RedTeam

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Reports")
struct ReportTests {
    /// What a hostile folder may be called.
    private static let nasty = "<script>alert('1')</script>\"&|`[x](y)\u{1}"

    /// Whether an XML parser reads the text to its end, entities of HTML aside.
    private func isWellFormed(_ text: String) -> Bool {
        let parser = XMLParser(data: Data(text.utf8))
        return parser.parse()
    }

    @Test("names cannot become markup in the page, in a drawing or in Markdown")
    func escapes() throws {
        let nasty = Self.nasty
        let plot = LinePlot(
            title: nasty, x: PlotAxis(title: nasty, low: 0, high: 1),
            y: PlotAxis(title: nasty, low: 0, high: 1),
            series: [.init(name: nasty, points: [(0, 0), (1, 1)]), .init(name: "b", points: [])])
        let table = ReportTable(nasty, columns: [nasty, "b"], rows: [[nasty, "1"]])
        let section = ReportSection(
            nasty, paragraphs: [nasty], tables: [table],
            figures: [ReportFigure(caption: nasty, drawing: plot.svg, table: table)])
        let page = ReportPage(title: nasty, sections: [section])
        #expect(!page.html.contains("<script") && !page.html.contains("\u{1}"))
        #expect(isWellFormed(plot.svg))
        #expect(
            !page.markdown.replacing("\\<", with: "").contains("<script") && !page.markdown.contains("(y)]"))
        let row = try #require(page.markdown.split(separator: "\n").first { $0.hasPrefix("| \\<script") })
        #expect(row.replacing("\\|", with: "").count { $0 == "|" } == 3, "a name does not end its cell")
    }

    @Test("drawings are well-formed, have a title, a description and numbers that are numbers")
    func drawings() {
        let axis = PlotAxis(title: "x", scale: .logarithmic, low: 1e-3, high: 1)
        let linear = PlotAxis(title: "y", low: 0, high: 1)
        let drawings = [
            LinePlot(
                title: "t", x: axis, y: linear,
                series: [
                    .init(
                        name: "a", points: [(0, 0.5), (.nan, 2), (1, -3)],
                        intervals: [(0, 1), (0, 1), (0, 1)])
                ],
                hasDiagonal: true
            ).svg,
            HistogramPlot(
                title: "t", x: linear, edges: [0, 0.5, 1], series: [("a", [0.5, 0.5]), ("b", [0, 1])]
            ).svg,
            BarPlot(
                title: "t", axis: linear, number: BarPlot.percent, series: ["a", "b"],
                groups: [.init(name: "g", values: [0.4, nil]), .init(name: "h", values: [2, -1])]
            ).svg,
        ]
        for drawing in drawings {
            #expect(isWellFormed(drawing))
            #expect(
                drawing.contains("<title>") && drawing.contains("<desc>") && drawing.contains("role=\"img\""))
            #expect(!drawing.contains("nan") && !drawing.contains("inf"))
        }
    }

    @Test(
        "marks on an axis are round and lie within it",
        arguments: [(0.0, 1.0), (0.003, 0.0071), (-4, 250), (5, 5)])
    func ticks(low: Double, high: Double) {
        let ticks = PlotAxis(title: "", low: low, high: high).ticks
        #expect((1...8).contains(ticks.count))
        #expect(ticks.allSatisfy { $0 >= low - 1e-9 && $0 <= high + 1e-9 })
        let powers = PlotAxis(title: "", scale: .logarithmic, low: 1e-3, high: 2e3).ticks
        #expect(powers == [1e-3, 1e-1, 1e1, 1e3] || powers.count >= 3)
        #expect(PlotAxis(title: "", low: 0, high: 10).place(.nan) == 0)
    }

    @Test("the page of an evaluation asks nothing of anyone, runs nothing, and names every picture")
    func page() throws {
        let folder = try ScratchFolder()
        let html = EvaluationReport(try EvaluationTests.evaluation(folder.path).run()).page.html
        for word in ["<script", "http://", "https://", "<link", "@import", "url(", "onload", "<iframe"] {
            // The name of SVG's own namespace is no request.
            let found = html.replacing("http://www.w3.org/2000/svg", with: "").contains(word)
            #expect(!found, "\(word)")
        }
        #expect(html.contains("prefers-color-scheme: dark") && html.contains("default-src 'none'"))
        let images = html.components(separatedBy: "<img ").dropFirst()
        #expect(
            !images.isEmpty
                && images.allSatisfy { $0.hasPrefix("alt=\"") && $0.contains("data:image/png;base64,iVBOR") })
        for drawing in html.components(separatedBy: "<svg").dropFirst() {
            let body = "<svg" + (drawing.components(separatedBy: "</svg>").first ?? "") + "</svg>"
            #expect(isWellFormed(body))
        }
        for heading in [
            "ROC curves", "Score histograms", "Ablation", "Reconstructions", "Calibration", "Account windows",
            "Colluding accounts", "Honest accounts", "Malicious ratio", "Policies", "What the defences cost",
        ] { #expect(html.contains(heading), "\(heading)") }
    }
}
