import Digest
import Foundation
import Testing

@testable import Identity

/// Keys and tokens made by the openssl program, and those of RFC 7515 appendix A.
enum Fixture {
    struct Vector: Decodable {
        let key: [String: String]
        let token: String
    }

    struct Signature: Decodable {
        let raw: String
        let der: String
    }

    struct OpenSSL: Decodable {
        let tokens: [String: String]
        let ders: [Signature]
    }

    static func data(_ name: String) throws -> Data {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "json"))
        return try Data(contentsOf: url)
    }

    static func rfc() throws -> [String: Vector] {
        try JSONDecoder().decode([String: Vector].self, from: data("rfc7515"))
    }

    static func openssl() throws -> OpenSSL { try JSONDecoder().decode(OpenSSL.self, from: data("openssl")) }

    /// The members of one of openssl's keys, to be changed and put in a set.
    static func key(_ name: String) throws -> [String: Any] {
        let all = try #require(JSONSerialization.jsonObject(with: data("openssl")) as? [String: Any])
        return try #require((all["keys"] as? [String: Any])?[name] as? [String: Any])
    }

    static func set(_ keys: [[String: Any]]) throws -> [UInt8] {
        Array(try JSONSerialization.data(withJSONObject: ["keys": keys]))
    }
}

/// Tokens under one shared secret, to put every claim to the test.
enum TestToken {
    static let secret = [UInt8](repeating: 0x5A, count: 32)
    static let now = Duration.seconds(1_800_000_000)

    static var keys: JSONWebKeySet {
        get throws {
            try JSONWebKeySet(
                parsing: Array(#"{"keys":[{"kty":"oct","kid":"s","k":"\#(Base64URL.encode(secret))"}]}"#.utf8)
            )
        }
    }

    static func make(header: String = #"{"alg":"HS256","kid":"s"}"#, payload: String) -> String {
        let signed = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(payload.utf8)))"
        let code = HMACKey(secret).authenticate(Array(signed.utf8)).bytes
        return "\(signed).\(Base64URL.encode(code))"
    }

    static func verifier(_ change: (inout JWTVerifier.Demands) -> Void = { _ in }) throws -> JWTVerifier {
        var demands = JWTVerifier.Demands()
        change(&demands)
        return JWTVerifier(keys: try keys, demands: demands)
    }
}
