import Testing

@testable import Secure

@Suite("Names of certificates")
struct NameIndexTests {
    private let index: NameIndex<String> = {
        var index = NameIndex<String>()
        for name in ["a.example", "*.example", "*.Deep.example", "b.deep.example."] {
            index.add(name, for: name)
        }
        index.add("second", for: "a.example")
        return index
    }()

    @Test(
        "exact before wildcard; a wildcard stands for one label (RFC 6125 §6.4.3)",
        arguments: [
            ("a.example", "a.example"), ("A.EXAMPLE.", "a.example"), ("c.example", "*.example"),
            ("c.deep.example", "*.Deep.example"), ("b.deep.example", "b.deep.example."),
            ("deep.example", "*.example"),
        ])
    func found(name: String, expected: String) { #expect(index.value(for: name) == expected) }

    @Test(
        "other names have nothing",
        arguments: ["", ".", "example", ".example", "c.c.deep.example", "*", "aexample"])
    func missing(name: String) { #expect(index.value(for: name) == nil) }
}
