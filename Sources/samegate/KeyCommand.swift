import ArgumentParser
import Foundation
import Identity

/// `samegate key`: API keys.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "API keys.", subcommands: [New.self])

    /// `samegate key new`: a key for a client, and its record for the key file.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an API key.",
            discussion: """
                Prints the key, which is kept nowhere and cannot be had again, and then the line for the file that \
                identity.api_keys names. The headings go to standard error.
                """)

        @Option(name: .long, help: "The client's name: letters, digits, _ and -.")
        var id: String

        @Option(name: .long, help: "When the key ends: 2027-01-31 or 2027-01-31T12:00:00Z (UTC).")
        var expires: String?

        @Option(name: .long, help: "The routes that the key opens, separated by commas (default: all).")
        var routes: String?

        @Option(name: .long, help: "A note for the key file.")
        var comment = ""

        func run() throws {
            let end = try expires.map { text in
                guard let end = APIKeyRecord.expiry(parsing: text) else {
                    throw ValidationError(
                        "--expires '\(text)' is neither 2027-01-31 nor 2027-01-31T12:00:00Z")
                }
                guard end > .seconds(Date().timeIntervalSince1970) else {
                    throw ValidationError("--expires '\(text)' is over already")
                }
                return end
            }
            let names = routes.map {
                Set($0.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
            }
            do throws(APIKeyProblem) {
                let (key, record) = try APIKeyRecord.make(
                    id: id, expires: end, routes: names, comment: comment)
                say("for the client, once:")
                print(key.text)
                say("for the key file:")
                print(record.line)
            } catch {
                throw ValidationError("\(error)")
            }
        }

        private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
    }
}
