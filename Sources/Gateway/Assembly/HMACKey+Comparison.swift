import Digest

extension HMACKey {
    /// Whether both make the same codes, told in a time that does not depend on where they differ.
    func hasSameCodes(as other: HMACKey) -> Bool {
        let probe = Array("samegate key comparison".utf8)
        return verifies(other.authenticate(probe), of: probe)
    }
}
