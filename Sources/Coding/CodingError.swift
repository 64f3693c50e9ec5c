/// Why coded bytes cannot be had plain.
package enum CodingError: Error, Sendable, Equatable {
    /// The bytes are not of the coding, or a checksum or length at their end is wrong; zlib's own words.
    case corrupt(String)
    /// They end before the coding does.
    case truncated
    /// Something follows the end of the coding.
    case trailingData
    /// A preset dictionary (RFC 1950 §2.2) would be needed, which HTTP has no way to name.
    case needsDictionary
    /// More plain bytes than this.
    case tooLarge(bytesMax: Int)
    /// More plain bytes than this many times the coded ones.
    case ratioTooHigh(ratioMax: Int)
    /// More gzip members than this.
    case tooManyMembers(Int)
    /// More blocks than such plain bytes can be worth: each costs its tables, and may be empty.
    case tooManyBlocks
    /// More codings on top of each other than this.
    case tooManyCodings(Int)
    /// A coding that is not known here.
    case unknownCoding(String)
    /// zlib found no memory.
    case outOfMemory

    /// Whether it is a matter of bounds rather than of form: such bytes are refused whatever else is configured.
    package var isOverLimit: Bool {
        switch self {
        case .tooLarge, .ratioTooHigh, .tooManyMembers, .tooManyBlocks, .tooManyCodings, .outOfMemory: true
        case .corrupt, .truncated, .trailingData, .needsDictionary, .unknownCoding: false
        }
    }
}

extension CodingError: CustomStringConvertible {
    /// One sentence's end, as after "the body cannot be decoded: ".
    package var description: String {
        switch self {
        case .corrupt(let reason): "the coded data are damaged: \(reason)"
        case .truncated: "the coded data end too early"
        case .trailingData: "something follows the end of the coded data"
        case .needsDictionary: "the coded data need a preset dictionary"
        case .tooLarge(let bytesMax): "decoded it is longer than \(bytesMax) bytes"
        case .ratioTooHigh(let ratioMax): "decoded it is more than \(ratioMax) times as long"
        case .tooManyMembers(let count): "it has more than \(count) gzip members"
        case .tooManyBlocks: "it has too many blocks for what they hold"
        case .tooManyCodings(let count): "it has more than \(count) codings on top of each other"
        case .unknownCoding(let name): "the content coding \(name.debugDescription) is not supported"
        case .outOfMemory: "there is no memory to decode it"
        }
    }
}
