import ArgumentParser
import Client
import Foundation
import Transport

/// Asks a running gateway how it is, for containers and service managers that have no other client at hand.
struct HealthProbe {
    private let endpoint: Endpoint
    private let path: String

    /// A probe of an `http` URL. **Throws** `ValidationError` for anything else.
    init(_ url: String) throws {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host,
            let port = UInt16(exactly: parts.port ?? 80)
        else {
            throw ValidationError("\(url) is not a URL such as http://127.0.0.1:9090/readyz")
        }
        let plain = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        endpoint = Endpoint(host: plain, port: port)
        let query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
        path = (parts.path.isEmpty ? "/healthz" : parts.percentEncodedPath) + query
    }

    /// Prints the answer. **Throws** `ExitCode` 1 when there is none or its status is not 200.
    func run() throws {
        let answer: ClientResponse
        do throws(ClientError) {
            answer = try HTTPClient(endpoint, timeout: .seconds(5), answerBytesMax: 64 << 10).send(.get, path)
        } catch {
            throw ConfigurationFile.refuse("\(endpoint): \(error)")
        }
        print(String(decoding: answer.body, as: UTF8.self), terminator: "")
        guard answer.status == 200 else { throw ExitCode(1) }
    }
}
