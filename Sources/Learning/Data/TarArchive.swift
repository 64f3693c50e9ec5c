import Foundation
import SAME

/// One regular file or folder of a tar archive.
struct TarMember {
    /// The path inside the archive; never used as a path on this machine.
    let name: String
    /// A file's contents.
    let bytes: [UInt8]
    /// Whether it is a folder.
    var isFolder = false
}

/// A tar archive read front to back, one member in memory at a time, gzipped or not.
///
/// Strict: every header's checksum and numbers are checked, and an archive that ends before its two blocks of zeros is cut
/// short. Regular files and folders are understood, links and the like refused; of pax's extended headers the path alone is used.
/// **Source** POSIX.1-1988 ustar and POSIX.1-2001 pax (IEEE Std 1003.1, "ustar interchange format", "pax header block").
struct TarArchive: ~Copyable {
    private static let blockBytes = 512
    /// Writers fill their last record, of 10 KiB as a rule, with zeros.
    private static let paddingBytesMax = 16 << 20
    /// A bound on what one member may announce, checked before anything is allocated.
    private let memberBytesMax: Int
    private let file: InflatedFile
    private let path: String

    /// Opens the archive at `path`.
    init(_ path: String, memberBytesMax: Int = 32 << 20) throws(DataError) {
        file = try InflatedFile(path)
        self.path = path
        self.memberBytesMax = memberBytesMax
    }

    /// The next regular file or folder, or nil at the archive's end.
    func next() throws(DataError) -> TarMember? {
        var path: String?
        while true {
            let header = try file.read(Self.blockBytes)
            if header.allSatisfy({ $0 == 0 }) {
                return try end()
            }
            try check(header)
            let name = path ?? self.name(header)
            path = nil
            let size = try number(header[124..<136], "size", of: name)
            guard size <= memberBytesMax else {
                throw .tooLarge(path: "\(self.path): \(name)", bytes: size, bytesMax: memberBytesMax)
            }
            switch header[156] {
            case 0, UInt8(ascii: "0"):
                return TarMember(name: name, bytes: try contents(size))
            case UInt8(ascii: "x"), UInt8(ascii: "g"):
                // A header for the next member, or for all that follow: what it says of times and owners is nothing here.
                let records = try records(try contents(size))
                for key in records.keys where key == "size" || key.hasPrefix("GNU.sparse") {
                    throw .notTar(path: self.path, reason: "an extended header has “\(key)”")
                }
                if header[156] == UInt8(ascii: "x") { path = records["path"] }
            case UInt8(ascii: "5"):
                guard size == 0 else {
                    throw .notTar(path: self.path, reason: "the folder \(name) has contents")
                }
                return TarMember(name: name, bytes: [], isFolder: true)
            default:
                throw .notTar(
                    path: self.path,
                    reason:
                        "\(name) is neither a file nor a folder (type \(header[156])); make it with --format=ustar"
                )
            }
        }
    }

    /// A member's bytes; what fills its last block is passed over.
    private func contents(_ size: Int) throws(DataError) -> [UInt8] {
        let bytes = try file.read(size)
        _ = try file.read((Self.blockBytes - size % Self.blockBytes) % Self.blockBytes)
        return bytes
    }

    /// The records of an extended header: “LENGTH KEY=VALUE”, each with its own length and a newline.
    private func records(_ bytes: [UInt8]) throws(DataError) -> [String: String] {
        let damaged = DataError.notTar(path: path, reason: "an extended header is not made of records")
        var records: [String: String] = [:]
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard let length = Int(String(decoding: digits, as: UTF8.self)), length > digits.count + 2,
                length <= rest.count, rest[digits.endIndex] == UInt8(ascii: " "),
                rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
            else { throw damaged }
            let record = rest[(digits.endIndex + 1)..<(rest.startIndex + length - 1)]
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw damaged }
            records[String(decoding: record[..<equals], as: UTF8.self)] =
                String(decoding: record[(equals + 1)...], as: UTF8.self)
            rest = rest[(rest.startIndex + length)...]
        }
        return records
    }

    /// A second block of zeros and nothing but zeros after it, through to the end of the file.
    private func end() throws(DataError) -> TarMember? {
        guard try file.read(Self.blockBytes).allSatisfy({ $0 == 0 }) else {
            throw .notTar(path: path, reason: "a single block of zeros stands between its files")
        }
        guard try file.readAll(bytesMax: Self.paddingBytesMax).allSatisfy({ $0 == 0 }) else {
            throw .trailingData(path: path)
        }
        return nil
    }

    /// The magic and the checksum: the sum of all bytes, those of the checksum itself taken as spaces.
    private func check(_ header: [UInt8]) throws(DataError) {
        guard header[257..<262].elementsEqual("ustar".utf8) else {
            throw .notTar(path: path, reason: "a header lacks the word ustar")
        }
        let sum = header.enumerated().reduce(0) { sum, entry in
            sum + ((148..<156).contains(entry.offset) ? 32 : Int(entry.element))
        }
        let wanted = try number(header[148..<156], "checksum", of: "a header")
        guard sum == wanted else {
            throw .notTar(path: path, reason: "a header's checksum is \(wanted), not \(sum)")
        }
    }

    private func name(_ header: [UInt8]) -> String {
        let name = Self.text(header[0..<100])
        // GNU's archives have other things in the place of the prefix and two spaces after the magic.
        guard header[262] == 0 else { return name }
        let prefix = Self.text(header[345..<500])
        return prefix.isEmpty ? name : prefix + "/" + name
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// An octal number, ended by a space or a zero byte.
    private func number(
        _ field: ArraySlice<UInt8>, _ what: String, of name: String
    ) throws(DataError) -> Int {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        let rest = field[digits.endIndex...]
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x37).contains($0) }),
            rest.allSatisfy({ $0 == 0 || $0 == 0x20 })
        else { throw .notTar(path: path, reason: "the \(what) of \(name) is no octal number") }
        return digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }
    }
}
