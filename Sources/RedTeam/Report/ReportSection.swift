/// A drawing with its words, and the table of what it draws.
package struct ReportFigure: Sendable {
    /// What it shows, above the drawing.
    package var caption: String
    /// The drawing: SVG, or other markup that needs nothing from elsewhere.
    package var drawing: String
    /// The same figures for those who do not see the drawing; nil where a table beside it has them.
    package var table: ReportTable?

    var html: String {
        let details =
            table.map { "<details><summary>The figures as a table</summary>\($0.html)</details>" } ?? ""
        return "<figure><figcaption>\(Markup.escape(caption))</figcaption>\(drawing)\(details)</figure>"
    }
}

/// A part of a report under one heading.
package struct ReportSection: Sendable {
    package var title: String
    package var paragraphs: [String]
    package var tables: [ReportTable]
    package var figures: [ReportFigure]

    /// A section as given.
    package init(
        _ title: String, paragraphs: [String] = [], tables: [ReportTable] = [], figures: [ReportFigure] = []
    ) {
        self.title = title
        self.paragraphs = paragraphs
        self.tables = tables
        self.figures = figures
    }

    /// True when there is nothing to show.
    var isEmpty: Bool { tables.isEmpty && figures.isEmpty && paragraphs.isEmpty }

    /// Figures without a table of their own beside them are told by the page alone.
    var markdown: [String] {
        ["## " + Markup.markdown(title), ""] + paragraphs.flatMap { [Markup.markdown($0), ""] }
            + tables.flatMap(\.markdown) + figures.compactMap(\.table).flatMap(\.markdown)
    }

    /// The section with an anchor that its place among the sections makes.
    func html(place: Int) -> String {
        """
        <section aria-labelledby="s\(place)"><h2 id="s\(place)">\(Markup.escape(title))</h2>
        \(paragraphs.map { "<p>\(Markup.escape($0))</p>" }.joined(separator: "\n"))
        \(tables.map(\.html).joined(separator: "\n"))
        <div class="figures">\(figures.map(\.html).joined(separator: "\n"))</div></section>
        """
    }
}
