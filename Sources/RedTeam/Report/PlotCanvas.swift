/// The frame of a plot as SVG: axes, grid, legend, and elements placed by values.
struct PlotCanvas {
    static let width = 640.0
    static let height = 360.0

    let x: PlotAxis
    let y: PlotAxis
    /// What the drawing is, for those who do not see it.
    let title: String
    let description: String
    private let left = 62.0
    private let top = 14.0
    private let bottom = 48.0
    private let right: Double
    private var elements: [String] = []
    private var legend: [(name: String, mark: String)] = []

    init(x: PlotAxis, y: PlotAxis, title: String, description: String, hasLegend: Bool = true) {
        (self.x, self.y, self.title, self.description) = (x, y, title, description)
        right = hasLegend ? 168 : 20
    }

    private var innerWidth: Double { Self.width - left - right }
    private var innerHeight: Double { Self.height - top - bottom }

    func point(_ horizontal: Double, _ vertical: Double) -> (x: Double, y: Double) {
        (left + innerWidth * x.place(horizontal), top + innerHeight * (1 - y.place(vertical)))
    }

    mutating func add(_ element: String) { elements.append(element) }

    /// A line through points given in values.
    mutating func addLine(_ points: [(Double, Double)], colour: Int, dash: Bool = true, extra: String = "") {
        let path = points.map { point in
            let place = self.point(point.0, point.1)
            return Markup.number(place.x) + "," + Markup.number(place.y)
        }
        let dashes = dash ? " stroke-dasharray=\"\(Self.dashes[colour % Self.dashes.count])\"" : ""
        add(
            "<polyline class=\"line c\(colour % 10)\"\(dashes)\(extra) points=\"\(path.joined(separator: " "))\"/>"
        )
    }

    /// A guide between two points given in values.
    mutating func addGuide(_ from: (Double, Double), _ to: (Double, Double)) {
        let (a, b) = (point(from.0, from.1), point(to.0, to.1))
        add(
            "<line class=\"guide\" x1=\"\(Markup.number(a.x))\" y1=\"\(Markup.number(a.y))\" x2=\"\(Markup.number(b.x))\" y2=\"\(Markup.number(b.y))\"/>"
        )
    }

    /// A mark at a point given in values; its form tells its series too.
    mutating func addMark(_ horizontal: Double, _ vertical: Double, colour: Int) {
        let place = point(horizontal, vertical)
        add(Self.mark(place.x, place.y, colour: colour))
    }

    /// A line of the legend, with a mark and a dash like its series'.
    mutating func addLegend(_ name: String, colour: Int, isLine: Bool = true) {
        let y = top + 12 + Double(legend.count) * 19
        let x = Self.width - right + 14
        let line =
            isLine
            ? "<line class=\"line c\(colour % 10)\" stroke-dasharray=\"\(Self.dashes[colour % Self.dashes.count])\" x1=\"\(x)\" y1=\"\(y)\" x2=\"\(x + 24)\" y2=\"\(y)\"/>"
            : "<rect class=\"f\(colour % 10)\" x=\"\(x)\" y=\"\(y - 5)\" width=\"24\" height=\"10\"/>"
        legend.append(
            (name, line + "<text x=\"\(x + 30)\" y=\"\(y + 4)\">\(Markup.escape(Self.short(name)))</text>"))
    }

    /// Names that would leave the drawing lose their end; the table beside it has them whole.
    private static func short(_ name: String) -> String {
        name.count > 19 ? String(name.prefix(18)) + "…" : name
    }

    static let dashes = ["none", "7 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4", "4 4 1 4", "8 2 2 2", "3 6"]

    private static func mark(_ x: Double, _ y: Double, colour: Int) -> String {
        let (a, b) = (Markup.number(x), Markup.number(y))
        switch colour % 4 {
        case 0: return "<circle class=\"f\(colour % 10)\" cx=\"\(a)\" cy=\"\(b)\" r=\"3.4\"/>"
        case 1:
            return
                "<rect class=\"f\(colour % 10)\" x=\"\(Markup.number(x - 3))\" y=\"\(Markup.number(y - 3))\" width=\"6\" height=\"6\"/>"
        case 2:
            return "<path class=\"f\(colour % 10)\" d=\"M\(a) \(Markup.number(y - 4.4))l4.2 7.4h-8.4z\"/>"
        default:
            return
                "<path class=\"f\(colour % 10)\" d=\"M\(a) \(Markup.number(y - 4.4))l4.4 4.4-4.4 4.4-4.4-4.4z\"/>"
        }
    }

    /// The whole drawing.
    var svg: String {
        var parts = [
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">",
            "<title>\(Markup.escape(title))</title><desc>\(Markup.escape(description))</desc>",
        ]
        parts += horizontalGrid + verticalGrid
        parts.append(
            "<rect class=\"frame\" x=\"\(left)\" y=\"\(top)\" width=\"\(innerWidth)\" height=\"\(innerHeight)\"/>"
        )
        parts += elements + legend.map(\.mark)
        parts.append(
            "<text x=\"\(left + innerWidth / 2)\" y=\"\(Self.height - 8)\" text-anchor=\"middle\">\(Markup.escape(x.title))</text>"
        )
        parts.append(
            "<text transform=\"translate(15 \(top + innerHeight / 2)) rotate(-90)\" text-anchor=\"middle\">\(Markup.escape(y.title))</text>"
        )
        return parts.joined() + "</svg>"
    }

    private var verticalGrid: [String] {
        x.ticks.map { tick in
            let place = Markup.number(point(tick, y.low).x)
            return
                "<line class=\"rule\" x1=\"\(place)\" y1=\"\(top)\" x2=\"\(place)\" y2=\"\(top + innerHeight)\"/>"
                + "<text class=\"soft\" x=\"\(place)\" y=\"\(top + innerHeight + 16)\" text-anchor=\"middle\">\(Markup.escape(x.format(tick)))</text>"
        }
    }

    private var horizontalGrid: [String] {
        y.ticks.map { tick in
            let place = point(x.low, tick).y
            return
                "<line class=\"rule\" x1=\"\(left)\" y1=\"\(Markup.number(place))\" x2=\"\(left + innerWidth)\" y2=\"\(Markup.number(place))\"/>"
                + "<text class=\"soft\" x=\"\(left - 7)\" y=\"\(Markup.number(place + 4))\" text-anchor=\"end\">\(Markup.escape(y.format(tick)))</text>"
        }
    }
}
