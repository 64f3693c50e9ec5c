/// Distributions over the same bins, each as a filled outline.
struct HistogramPlot {
    var title: String
    var x: PlotAxis
    /// One more than there are shares.
    var edges: [Double]
    /// Shares that add up to 1, by name.
    var series: [(name: String, shares: [Double])]

    /// The drawing.
    var svg: String {
        let top = series.flatMap(\.shares).max() ?? 1
        let y = PlotAxis(
            title: "share of queries in %", low: 0, high: max(top, 1e-6) * 1.05, format: PlotAxis.percent)
        var canvas = PlotCanvas(
            x: x, y: y, title: title,
            description: "Distributions of \(x.title) for " + series.map(\.name).joined(separator: ", "))
        for (index, entry) in series.enumerated() {
            var points: [(Double, Double)] = [(edges.first ?? 0, 0)]
            for (bin, share) in entry.shares.enumerated() where bin + 1 < edges.count {
                points += [(edges[bin], share), (edges[bin + 1], share)]
            }
            points.append((edges.last ?? 0, 0))
            let path = points.map { point in
                let place = canvas.point(point.0, point.1)
                return Markup.number(place.x) + "," + Markup.number(place.y)
            }
            canvas.add(
                "<polygon class=\"area c\(index % 10) f\(index % 10)\" stroke-dasharray=\"\(PlotCanvas.dashes[index % 10])\" points=\"\(path.joined(separator: " "))\"/>"
            )
            canvas.addLegend(entry.name, colour: index)
        }
        return canvas.svg
    }
}
