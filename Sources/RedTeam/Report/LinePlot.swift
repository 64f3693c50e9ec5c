/// Lines over two axes.
struct LinePlot {
    struct Series {
        var name: String
        var points: [(x: Double, y: Double)]
        /// From, to at each point; empty for none.
        var intervals: [(low: Double, high: Double)] = []
    }

    var title: String
    var x: PlotAxis
    var y: PlotAxis
    var series: [Series]
    /// Whether each point has a mark; not for curves of a hundred points.
    var hasMarks = true
    /// A guide along equal values of both axes.
    var hasDiagonal = false

    /// The drawing, described by what its series are.
    var svg: String {
        let names = series.map(\.name).joined(separator: ", ")
        var canvas = PlotCanvas(
            x: x, y: y, title: title, description: "\(y.title) against \(x.title) for \(names)",
            hasLegend: series.count > 1)
        if hasDiagonal {
            canvas.addGuide(
                (max(x.low, y.low), max(x.low, y.low)), (min(x.high, y.high), min(x.high, y.high)))
        }
        for (index, entry) in series.enumerated() {
            for (point, interval) in zip(entry.points, entry.intervals) {
                canvas.addLine(
                    [(point.x, interval.low), (point.x, interval.high)], colour: index, dash: false)
            }
            canvas.addLine(entry.points.map { ($0.x, $0.y) }, colour: index)
            if hasMarks { for point in entry.points { canvas.addMark(point.x, point.y, colour: index) } }
            if series.count > 1 { canvas.addLegend(entry.name, colour: index) }
        }
        return canvas.svg
    }
}
