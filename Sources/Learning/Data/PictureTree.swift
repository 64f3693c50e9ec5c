import Foundation

/// The pictures of a folder or a tar by their paths alone: in which order they are read, and of which class each is.
///
/// The first folder of a path is its class, however deep below the picture lies; a folder that holds all others, and nothing
/// beside them, is entered. So folders and tars of the same pictures are read alike.
struct PictureTree {
    /// The pictures' paths by their components, in the order in which every machine reads them: by the bytes of the names, folder
    /// by folder.
    let pictures: [[String]]
    /// The class of each picture by its folder's place among `names`; nil where there are no folders.
    let labels: [Int]?
    /// The names of the class folders, sorted by their bytes.
    let names: [String]

    /// Pictures and folders at paths inside `path`, which names them in errors, by their components. What is hidden is passed over.
    ///
    /// **Throws** where a picture would be in no class or a class would be without a picture, and where there is no picture.
    init(pictures: [[String]], folders: Set<[String]>, in path: String) throws(DataError) {
        let paths = pictures.filter { !Self.isHidden($0) }.sorted(by: Self.precedes)
        let named = folders.filter { !Self.isHidden($0) }.union(paths.map { Array($0.dropLast()) })
        let folders = Set(named.flatMap { path in path.indices.map { Array(path[...$0]) } })
        guard !paths.isEmpty else { throw .noImages(path: path) }
        let depth = Self.depth(of: paths, folders)
        let classes = Set(folders.filter { $0.count > depth }.map { $0[depth] })
        let beside = paths.filter { $0.count == depth + 1 }
        self.pictures = paths
        guard !classes.isEmpty else {
            (labels, names) = (nil, [])
            return
        }
        names = classes.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard beside.isEmpty else {
            throw .picturesBesideClasses(
                path: path, names: beside.map { $0.joined(separator: "/") }, classes: names)
        }
        let empty = classes.subtracting(paths.map { $0[depth] })
        guard empty.isEmpty else { throw .emptyClasses(path: path, names: names.filter(empty.contains)) }
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        labels = paths.map { places[$0[depth]] ?? 0 }
    }

    /// How many folders are around all others. A single one with nothing but pictures in it is a class.
    private static func depth(of paths: [[String]], _ folders: Set<[String]>) -> Int {
        let deepest = folders.map(\.count).max() ?? 0
        var depth = 0
        while depth + 1 < deepest, !paths.contains(where: { $0.count == depth + 1 }),
            Set(folders.filter { $0.count > depth }.map { $0[depth] }).count == 1
        {
            depth += 1
        }
        return depth
    }

    /// A path's folders and file, without what stands for the folder itself.
    static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    /// Whether a file of this name is taken for a picture.
    static func isImage(_ name: String) -> Bool {
        ["png", "jpg", "jpeg"].contains((name as NSString).pathExtension.lowercased())
    }

    /// Whether a picture or folder is passed over.
    static func isHidden(_ components: [String]) -> Bool {
        components.contains { $0.hasPrefix(".") && $0 != ".." }
    }

    private static func precedes(_ one: [String], _ other: [String]) -> Bool {
        one.lexicographicallyPrecedes(other) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// What was read, for the user.
    static func summary(of path: String, count: Int, names: [String]) -> String {
        let pictures = "\(path): \(count) picture\(count == 1 ? "" : "s")"
        guard !names.isEmpty else { return pictures + ", without folders of classes" }
        return pictures + " of \(names.count) class\(names.count == 1 ? "" : "es"): " + DataError.list(names)
    }
}

extension Labels {
    /// The classes of pictures in folders; nil where they lie in none.
    init?(_ tree: PictureTree) {
        guard let labels = tree.labels else { return nil }
        self.init(values: labels, classes: max(tree.names.count, 2), names: tree.names)
    }
}
