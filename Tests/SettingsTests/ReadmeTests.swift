import Foundation
import Testing

@testable import Settings

@Suite("README")
struct ReadmeTests {
    @Test("the configuration reference in README.md is what the declarations print")
    func referenceIsCurrent() throws {
        let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: top.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(
            readme.contains("<!-- reference -->\n" + SettingsReference().markdown + "<!-- /reference -->"),
            "run Scripts/update-readme")
    }
}
