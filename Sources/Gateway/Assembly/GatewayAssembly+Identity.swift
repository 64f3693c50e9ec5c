import Foundation
import Identity
import Settings

extension GatewayAssembly {
    /// What `check` and the start-up log say about the files of keys.
    package struct IdentitySummary: Sendable {
        /// API keys, expired ones included; nil without a key file.
        package let apiKeys: Int?
        /// Keys that verify tokens; nil without a JWK set.
        package let tokenKeys: Int?
        /// Keys of the set that are left out, each with the reason.
        package let ignored: [String]
    }

    /// Who clients are, by the files that the settings name. Adds everything that is wrong with them to `problems`; nil
    /// then, and without an identity section.
    static func loadIdentity(
        _ settings: GatewaySettings, _ problems: inout [AssemblyProblem]
    ) -> (phase: Authentication, summary: IdentitySummary)? {
        guard let identity = settings.identity else { return nil }
        let before = problems.count
        let ring = identity.apiKeys.flatMap { loadKeys($0, settings.routes.map(\.name), &problems) }
        let set = identity.jwt.flatMap { loadKeySet($0.jwks, &problems) }
        guard problems.count == before else { return nil }
        let tokens = set.flatMap { set in
            identity.jwt.map { JWTVerifier(keys: set, demands: JWTVerifier.Demands($0)) }
        }
        return (
            Authentication(
                Authenticator(keys: ring, tokens: tokens, keyField: identity.apiKeyHeader),
                hasKeys: ring != nil, certificateName: identity.clientCertificate?.name),
            IdentitySummary(apiKeys: ring?.count, tokenKeys: set?.count, ignored: set?.ignored ?? [])
        )
    }

    private static func loadKeys(
        _ file: String, _ routes: [String], _ problems: inout [AssemblyProblem]
    ) -> APIKeyRing? {
        let path = "identity.api_keys"
        guard let bytes = read(file, at: path, &problems) else { return nil }
        do throws(APIKeyFileError) {
            let ring = try APIKeyRing(parsing: bytes)
            for name in ring.routes.subtracting(routes).sorted() {
                let message = "\(file): a key is for the route \"\(name)\", and there is none of that name"
                problems.append(AssemblyProblem(path: path, message: message))
            }
            return ring
        } catch {
            problems += error.problems.map {
                let place = $0.line == 0 ? file : "\(file):\($0.line)"
                return AssemblyProblem(path: path, message: "\(place): \($0.reason)")
            }
            return nil
        }
    }

    private static func loadKeySet(_ file: String, _ problems: inout [AssemblyProblem]) -> JSONWebKeySet? {
        let path = "identity.jwt.jwks"
        guard let bytes = read(file, at: path, &problems) else { return nil }
        do throws(JSONWebKeySetError) {
            return try JSONWebKeySet(parsing: bytes)
        } catch {
            problems += error.problems.map { AssemblyProblem(path: path, message: "\(file): \($0)") }
            return nil
        }
    }

    private static func read(
        _ file: String, at path: String, _ problems: inout [AssemblyProblem]
    ) -> [UInt8]? {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            problems.append(AssemblyProblem(path: path, message: "\(file) cannot be read: \(error)"))
            return nil
        }
    }
}

extension JWTVerifier.Demands {
    /// What the settings demand of a token.
    init(_ settings: TokenSettings) {
        self.init()
        issuers = Set(settings.issuers)
        audiences = Set(settings.audiences)
        leeway = settings.leeway
    }
}
