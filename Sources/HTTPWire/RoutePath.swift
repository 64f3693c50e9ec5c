/// The form of a path in which routes are matched: percent-encodings decoded, dot segments gone.
///
/// A gateway that matches another path than its back end serves lets queries pass unscored. So everything that
/// servers are known to read in two ways is refused, not repaired.
package enum RoutePath: Sendable, Equatable {
    /// Why a path has no single reading.
    package enum Ambiguity: Error, Sendable, Equatable, CaseIterable {
        /// It does not begin with `/`, or the target has no path.
        case notAbsolute
        /// `%` without two hexadecimal digits.
        case invalidPercentEncoding
        /// `%2F`: a separator to some, data to others.
        case encodedSlash
        /// `%5C` or `\`: a separator to some.
        case backslash
        /// `%00`, other encoded control characters, or DEL.
        case controlCharacter
        /// `%25` that decodes to another percent-encoding: decoded twice by some.
        case doubleEncoding
        /// `//`: merged by some.
        case emptySegment
        /// `.` or `..` as a segment, encoded or not, or with `;parameters`: resolved before or after routing.
        case dotSegment
        /// `;`: path parameters, cut off by some.
        case pathParameter
        /// Bytes that are no UTF-8.
        case invalidText
    }

    /// The decoded path.
    case path(String)
    /// Refused: answer 400 rather than guess.
    case refused(Ambiguity)

    /// The normal form of a path given as text, such as a route's in the configuration.
    package init(_ path: String) {
        var path = path
        self = path.withUTF8 { Self.normalise($0) }
    }
}
