import Foundation
import Testing

@testable import Settings

@Suite("Documents")
struct ReferencePageTests {
    @Test("the configuration reference is what the declarations print")
    func referenceIsCurrent() throws {
        let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = top.appendingPathComponent("Sources/samegate/Samegate.docc/Configuration.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        #expect(
            text.contains("<!-- reference -->\n" + SettingsReference().markdown + "<!-- /reference -->"),
            "run Scripts/update-readme")
    }
}
