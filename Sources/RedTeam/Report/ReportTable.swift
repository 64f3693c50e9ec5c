/// A table of a report: the same rows as Markdown and as HTML.
package struct ReportTable: Hashable, Sendable {
    /// What it shows.
    package var caption: String
    package var columns: [String]
    /// Each as long as ``columns``; the first cell is the row's name.
    package var rows: [[String]]

    /// A table as given.
    package init(_ caption: String, columns: [String], rows: [[String]] = []) {
        self.caption = caption
        self.columns = columns
        self.rows = rows
    }

    var markdown: [String] {
        let line = { (cells: [String]) in "| " + cells.map(Markup.markdown).joined(separator: " | ") + " |" }
        return [
            Markup.markdown(caption) + ".", "", line(columns), "|" + columns.map { _ in "---|" }.joined(),
        ]
            + rows.map(line) + [""]
    }

    var html: String {
        let head = columns.map { "<th scope=\"col\">\(Markup.escape($0))</th>" }.joined()
        let body = rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == 0
                    ? "<th scope=\"row\">\(Markup.escape(cell))</th>" : "<td>\(Markup.escape(cell))</td>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return """
            <div class="scroll"><table><caption>\(Markup.escape(caption))</caption>
            <thead><tr>\(head)</tr></thead>
            <tbody>
            \(body.joined(separator: "\n"))
            </tbody></table></div>
            """
    }
}
