import Foundation

/// Files of the kernel below a root.
struct KernelFiles {
    let root: String

    /// A small file's text; nil when there is none.
    func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: join(root, path)) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// Its lines.
    func lines(_ path: String) -> [Substring] { (text(path) ?? "").split(separator: "\n") }

    private func join(_ left: String, _ right: String) -> String {
        left.hasSuffix("/") ? left + right : left + "/" + right
    }
}
