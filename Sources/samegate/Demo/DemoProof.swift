import Client
import Foundation
import Gateway
import Policy

/// One challenge met: what a client that pays gets.
struct DemoProof {
    /// What was asked, and what came of it.
    let text: String

    private struct Document: Decodable {
        let challenge: String
    }

    /// Solves the first challenge of a query from elsewhere, if there was one, and sends the query again with its proof.
    init(_ stage: DemoStage, _ measurement: DemoMeasurement, _ traffic: DemoTraffic) throws {
        guard let fate = measurement.challenged?.fate, let body = measurement.challengedBody(traffic) else {
            text = "no query was asked for proof-of-work\n"
            return
        }
        let document = try JSONDecoder().decode(Document.self, from: Data(fate.answer))
        let begun = ContinuousClock.now
        let solution = try ProofSolver.solve(
            token: document.challenge, threads: ProcessInfo.processInfo.activeProcessorCount)
        let seconds = (ContinuousClock.now - begun).milliseconds / 1000
        let proof = ProofField(token: document.challenge, solution: solution)
        let client = HTTPClient(stage.gatewayEndpoint)
        let field = (name: ProofField.name, value: proof.value)
        let paid = try DemoMeasurement.send(body, "proof-first", client, proof: field)
        let again = try DemoMeasurement.send(body, "proof-again", client, proof: field)
        let hashes = Challenge(unverifiedToken: document.challenge)?.target.expectedHashes ?? .nan
        text = String(
            format:
                "one challenge met: %.0f expected hashes, %.2f s of work, answer %d; the same proof again: %d\n",
            hashes, seconds, paid.status, again.status)
    }
}
