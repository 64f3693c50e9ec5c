/// What Package.swift says of targets, and what they may say: which room may import which.
struct ModuleMap {
    /// The dependencies declared for each target.
    let declared: [String: Set<String>]

    /// Reads the manifest's text; only its plain form, a literal list for each target, is understood.
    init(manifest: String) {
        var declared: [String: Set<String>] = [:]
        for marker in [".target(", ".executableTarget("] {
            for part in manifest.components(separatedBy: marker).dropFirst() {
                let arguments = ModuleMap.balanced(part)
                guard let name = arguments.firstMatch(of: #/name: "([^"]+)"/#)?.output.1 else { continue }
                // The test targets at the end name their room by a variable, which is no literal.
                guard !name.contains("\\") else { continue }
                declared[String(name)] = ModuleMap.dependencies(arguments)
            }
        }
        self.declared = declared
    }

    /// The text up to the parenthesis that closes what is open.
    private static func balanced(_ text: String) -> String {
        var depth = 1
        return String(
            text.prefix { character in
                if "([".contains(character) { depth += 1 }
                if ")]".contains(character) { depth -= 1 }
                return depth > 0
            })
    }

    private static func dependencies(_ arguments: String) -> Set<String> {
        guard let start = arguments.firstRange(of: "dependencies: [") else { return [] }
        let list = balanced(String(arguments[start.upperBound...])).replacing(#/package: "[^"]+"/#, with: "")
        return Set(list.matches(of: #/"([^"]+)"/#).map { String($0.output.1) })
    }

    /// What the architecture allows each room to depend on; Package.swift may ask for less, never for more.
    static let allowed: [String: Set<String>] = [
        "CKernels": [], "CPosix": [], "TestSupport": [],
        "Tensor": ["CKernels"],
        "Neural": ["Tensor", "CKernels"],
        "SAME": ["Neural", "Tensor", "Digest"],
        "Learning": [
            "SAME", "Neural", "Tensor", "Engine", "Query", "Imaging", "Digest", "CZlib", "Client", "HTTPWire",
            "Secure",
            "Transport",
        ],
        "RedTeam": [
            "SAME", "Learning", "Neural", "Tensor", "Engine", "Query", "Policy", "Imaging", "Client",
            "HTTPWire",
            "Digest",
            "Transport",
        ],
        "Digest": ["COpenSSL"],
        "Imaging": ["CPNG", "CJPEG"],
        "Query": ["Tensor", "Digest"],
        "Buffers": [],
        "HTTPWire": ["Buffers"],
        "Engine": ["SAME", "Neural", "Tensor", "CKernels"],
        "wirefuzz": ["HTTPWire"],
        "Transport": ["Buffers", "CPosix"],
        "Service": ["CPosix", "Transport"],
        "Secure": ["COpenSSL", "Digest", "Transport"],
        "Policy": ["Digest", "Store"],
        "Store": ["Transport"],
        "Identity": ["Digest", "COpenSSL"],
        "Metrics": [],
        "Coding": ["CZlib"],
        "Observe": ["Buffers", "Coding", "Logging"],
        "Settings": ["HTTPWire", "Yams"],
        "Client": ["CPosix", "HTTPWire", "Transport"],
        "Proxy": ["Buffers", "HTTPWire", "Transport"],
        "Gateway": [
            "Service",
            "Buffers", "Proxy", "HTTPWire", "Transport", "Query", "Policy", "Store", "Observe", "Settings",
            "SAME",
            "Engine", "Tensor", "Digest", "Identity", "Metrics", "Secure", "Coding", "Logging",
        ],
    ]

    /// What comes with Swift, for every room.
    static let system: Set<String> = ["Foundation", "Dispatch", "Synchronization", "Glibc"]

    /// The module that a line imports; nil for any other line.
    static func imported(by line: String) -> String? {
        guard line.contains("import ") else { return nil }
        let words = line.code.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(of: "import"), words.count > place + 1,
            words[..<place].allSatisfy({
                $0.hasPrefix("@") || ["internal", "private", "package", "public"].contains($0)
            })
        else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "func", "protocol", "typealias", "let", "var"]
        let name =
            kinds.contains(words[place + 1]) && words.count > place + 2 ? words[place + 2] : words[place + 1]
        return name.split(separator: ".").first.map(String.init)
    }
}
