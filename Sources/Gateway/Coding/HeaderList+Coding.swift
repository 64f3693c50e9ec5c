import Coding
import HTTPWire

// What a change of a message's content coding does to its fields. The values are fixed or were fields before, so that
// setting them cannot fail.
extension HeaderList {
    /// Whether intermediaries may not change the content (RFC 9111 §5.2.2.6).
    var forbidsTransformation: Bool { lists("cache-control", "no-transform") }

    /// What the client says it can decode.
    var acceptEncoding: AcceptEncoding {
        var accepted = AcceptEncoding()
        var next = firstIndex(of: "accept-encoding")
        while let index = next {
            withValue(at: index) { accepted.add($0) }
            next = firstIndex(of: "accept-encoding", from: index + 1)
        }
        return accepted
    }

    /// Says that the content is coded so now.
    mutating func becomeCoded(_ coding: ContentCoding) {
        try? set("Content-Encoding", coding.name)
        becomeTransformed()
    }

    /// Says that the content is not coded any more.
    mutating func becomePlain() {
        remove("content-encoding")
        becomeTransformed()
    }

    /// Takes back what was true of the bytes as they were: an entity tag is strong no longer (RFC 9110 §8.8.1), ranges would
    /// be of other bytes (§14.3), and digests are of other bytes (RFC 9530).
    private mutating func becomeTransformed() {
        if let tag = value("etag"), tag.hasPrefix("\"") { try? set("ETag", "W/" + tag) }
        remove("accept-ranges")
        removeDigests()
    }

    /// Takes back what vouches for the content's bytes (RFC 9530, and its forerunners).
    mutating func removeDigests() {
        for name: StaticString in ["content-md5", "digest", "content-digest", "repr-digest"] { remove(name) }
    }

    /// Says that other clients may get the content in another coding (RFC 9110 §12.5.5).
    mutating func varyByCoding() {
        guard !lists("vary", "accept-encoding"), !lists("vary", "*") else { return }
        try? add("Vary", "Accept-Encoding")
    }
}
