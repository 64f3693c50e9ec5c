import ArgumentParser
import Dispatch
import Foundation
import Gateway
import Policy

/// `samegate solve`: the reference client of proof-of-work.
struct Solve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Solve a proof-of-work challenge.",
        discussion: """
            Takes the challenge token, or the whole problem document of a 428 answer on standard input, and prints the \
            value of the Samegate-Proof header to repeat the request with:

              curl -s -d @query.json URL | samegate solve | xargs -I{} curl -s -H 'Samegate-Proof: {}' -d @query.json URL
            """)

    @Argument(help: "The token; without it a problem document is read from standard input.")
    var challenge: String?

    @Option(name: .long, help: "How many threads search (default: one for each processor).")
    var threads: Int?

    @Option(name: .long, help: "Give up after about so many hashes.")
    var hashesMax: UInt64?

    @Flag(name: .long, help: "Say nothing on standard error.")
    var quiet = false

    func run() throws {
        let token = try challenge ?? Self.readToken()
        guard let parsed = Challenge(unverifiedToken: token) else {
            throw ValidationError("not a challenge of this version: \(token.prefix(40))…")
        }
        let expected = parsed.target.expectedHashes
        if !quiet { say(String(format: "expecting about %.0f hashes", expected)) }
        let begun = DispatchTime.now()
        let solution: Solution
        do {
            solution = try ProofSolver.solve(
                token: token, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
                // Past thirty times the expectation, all but one search in 10¹³ would have succeeded.
                hashesMax: hashesMax ?? UInt64(min(expected * 30 + 1e6, 0x1p63)))
        } catch {
            say("no solution: \(error)")
            throw ExitCode(1)
        }
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds) / 1e9
        if !quiet { say(String(format: "solved in %.3f s", seconds)) }
        print(ProofField(token: token, solution: solution).value)
    }

    private struct Document: Decodable {
        let challenge: String
    }

    private static func readToken() throws -> String {
        let text = FileHandle.standardInput.readDataToEndOfFile()
        guard let document = try? JSONDecoder().decode(Document.self, from: text) else {
            throw ValidationError(
                "standard input is not the problem document of a 428 answer: it has no member “challenge”")
        }
        return document.challenge
    }

    private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
