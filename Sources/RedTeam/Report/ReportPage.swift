/// Sections as one self-contained HTML page: no script, nothing asked of any server, light or dark as the reader's system is.
package struct ReportPage: Sendable {
    package var title: String
    package var sections: [ReportSection]

    /// A page as given; sections without content are left out.
    package init(title: String, sections: [ReportSection]) {
        self.title = title
        self.sections = sections.filter { !$0.isEmpty }
    }

    /// The whole page.
    package var html: String {
        let contents = sections.enumerated().map { place, section in
            "<li><a href=\"#s\(place)\">\(Markup.escape(section.title))</a></li>"
        }
        let body = sections.enumerated().map { $1.html(place: $0) }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
            <meta name="color-scheme" content="light dark">
            <title>\(Markup.escape(title))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header><h1>\(Markup.escape(title))</h1>
            <nav aria-label="Contents"><ul>\(contents.joined())</ul></nav></header>
            <main>
            \(body.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    /// The same as Markdown: text and tables.
    package var markdown: String {
        (["# " + Markup.markdown(title), ""] + sections.flatMap(\.markdown)).joined(separator: "\n")
    }

    /// Colours that differ in lightness too, after Okabe and Ito; the lines of a plot differ in their dashes besides.
    static let style = """
        :root { --ink: #1b1b1f; --soft: #5c5f66; --paper: #ffffff; --panel: #f5f6f8; --rule: #d5d8de; --link: #0b57a4;
          --c0: #0b6fb8; --c1: #c2490c; --c2: #007a5a; --c3: #a3447e; --c4: #8a6a00; --c5: #2a97c9; --c6: #444a55;
          --c7: #7a3fb0; --c8: #b3202a; --c9: #4f7d1c; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e8e9ec; --soft: #a5a9b2; --paper: #15171b; --panel: #1e2126;
          --rule: #3a3e46; --link: #7cb8f2; --c0: #56b4e9; --c1: #ff8a4c; --c2: #35c59a; --c3: #e58fc3; --c4: #e8c33d;
          --c5: #9fd6f2; --c6: #b9bec8; --c7: #c79bf0; --c8: #ff7a80; --c9: #a4d36a; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 84rem; background: var(--paper);
          color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
        h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem;
          border-top: 1px solid var(--rule); padding-top: 1.2rem; }
        p { max-width: 65em; margin: .5rem 0; } a { color: var(--link); }
        nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; padding: 0; list-style: none; }
        .scroll { overflow-x: auto; margin: 1rem 0; }
        table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 600; padding: .2rem 0; }
        th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
        th:first-child { text-align: left; } thead th { border-bottom: 2px solid var(--soft); }
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(34rem, 100%), 1fr)); gap: 1.2rem; }
        figure { margin: 0; padding: .8rem; background: var(--panel); border-radius: .5rem; min-width: 0; }
        figcaption { font-weight: 600; margin-bottom: .4rem; } summary { cursor: pointer; color: var(--link); }
        svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font: 12px system-ui, "DejaVu Sans",
          sans-serif; } svg .soft { fill: var(--soft); } svg .rule { stroke: var(--rule); stroke-width: 1; }
        svg .frame { stroke: var(--soft); stroke-width: 1; fill: none; }
        svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .guide { stroke: var(--soft);
          stroke-dasharray: 2 4; fill: none; }
        \((0..<10).map { "svg .c\($0) { stroke: var(--c\($0)); } svg .f\($0) { fill: var(--c\($0)); }" }.joined(separator: " "))
        svg .area { fill-opacity: .28; stroke-width: 1.5; }
        .pictures { display: grid; grid-template-columns: auto repeat(4, 1fr); gap: .4rem; align-items: center; }
        .pictures img { width: 100%; max-width: 7rem; image-rendering: pixelated; border: 1px solid var(--rule); }
        .pictures span { font-size: .8rem; color: var(--soft); }
        pre { background: var(--panel); padding: .8rem; overflow-x: auto; border-radius: .5rem; }
        @media print { body { max-width: none; } figure { break-inside: avoid; } }
        """
}
