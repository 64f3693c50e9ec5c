import Digest
import Foundation
import Synchronization
import Testing

@testable import Policy

@Suite("Policy: proof-of-work")
struct ProofOfWorkTests {
    static let secret = HMACKey(Array("a secret of the test, thirty-two".utf8))
    static let authority = ChallengeAuthority(secret: secret, epoch: 7)
    static let query = SHA256.digest(of: "query")
    static let binding = ChallengeBinding(client: "alice", route: "predict", query: query)
    static let now = Duration.seconds(1_800_000_000)

    static func issue(
        _ hashes: Double = 64, authority: ChallengeAuthority = authority
    ) throws -> IssuedChallenge {
        try authority.issue(
            WorkDemand(expectedHashes: hashes), for: binding, now: now, lifetime: .seconds(300))
    }

    static func verify(
        _ token: String, _ solution: Solution, binding: ChallengeBinding = binding, now: Duration = now
    ) -> ProofError? {
        switch authority.verify(token: token, solution: solution, expected: binding, now: now) {
        case .success: nil
        case .failure(let error): error
        }
    }

    @Test("a solved challenge is accepted until it expires, by number of threads", arguments: [1, 2, 5])
    func solved(threads: Int) throws {
        let issued = try Self.issue(500)
        let solution = try ProofSolver.solve(token: issued.token, threads: threads)
        #expect(Self.verify(issued.token, solution) == nil)
        #expect(Self.verify(issued.token, solution, now: Self.now + .milliseconds(299_999)) == nil)
        #expect(Self.verify(issued.token, solution, now: Self.now + .seconds(300)) == .expired)
        #expect(issued.token.utf8.count == Challenge.tokenCharacterCount)
        #expect(Challenge(unverifiedToken: issued.token) == issued.challenge)
    }

    @Test("work is measured as documented: SHA-256(SHA-256(token) ‖ n), first 128 bits below the target")
    func definition() throws {
        let issued = try Self.issue(50)
        let solution = try ProofSolver.solve(token: issued.token, threads: 1)
        var counterBytes = [UInt8](repeating: 0, count: 8)
        for index in 0..<8 { counterBytes[index] = UInt8(solution.counter >> UInt64(56 - 8 * index) & 255) }
        let hash = SHA256.digest(of: SHA256.digest(of: issued.token).bytes + counterBytes)
        #expect(String(hash.hex.prefix(32)) < issued.challenge.target.hex)
    }

    @Test("a token and a solution made by an independent program from the documented layout are accepted")
    func golden() throws {
        // Python's hmac and hashlib: epoch 7, target 2^128 / 1000, issued now, 300 s, nonce 00 01 … 0f, solution 11.
        let token =
            "AQEAAAAAAAAABwBBiTdLxqfvnbItDlYEGJMAAAGjGFxQAAAAAaMYYOPgAAECAwQFBgcICQoLDA0OD1HTSMTMFQ1Su-weQf7Q4Hap"
            + "UORTzY3gzNhGWQ2n1uIr2LvRKP-2FFdBMEmsDtw2oIii0w89x4j-fFtXVF3u5JM"
        #expect(Self.verify(token, Solution(counter: 11)) == nil)
        #expect(Self.verify(token, Solution(counter: 10)) == .insufficientWork)
        #expect(try ProofSolver.solve(token: token, threads: 1) == Solution(counter: 11))
        let challenge = try #require(Challenge(unverifiedToken: token))
        #expect(challenge.nonce == ChallengeNonce(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F))
        #expect(abs(challenge.target.expectedHashes - 1000) < 1e-9)
    }

    @Test("a challenge for another client, route or query is refused")
    func otherBinding() throws {
        let issued = try Self.issue()
        let solution = try ProofSolver.solve(token: issued.token, threads: 1)
        let others = [
            ChallengeBinding(client: "bob", route: "predict", query: Self.query),
            ChallengeBinding(client: "alice", route: "other", query: Self.query),
            ChallengeBinding(client: "alice", route: "predict", query: SHA256.digest(of: "other")),
            // Fields that run into each other must not give the same binding.
            ChallengeBinding(client: "alicep", route: "redict", query: Self.query),
        ]
        for other in others { #expect(Self.verify(issued.token, solution, binding: other) == .otherQuery) }
    }

    @Test("what is wrong with a proof whatever it is for is told without the query")
    func objections() throws {
        func objection(
            _ token: String, _ solution: Solution, now: Duration = Self.now,
            to authority: ChallengeAuthority = Self.authority
        ) -> ProofError? { authority.objection(to: token, solution: solution, now: now) }
        let issued = try Self.issue()
        let solution = try ProofSolver.solve(token: issued.token, threads: 1)
        #expect(objection(issued.token, solution) == nil)
        #expect(objection("x", solution) == .malformedToken)
        #expect(objection(issued.token, solution, now: Self.now + .seconds(300)) == .expired)
        #expect(objection(issued.token, solution, now: Self.now - .seconds(6)) == .issuedInFuture)
        let foreign = ChallengeAuthority(secret: HMACKey([1]), epoch: 7)
        #expect(objection(issued.token, solution, to: foreign) == .forged)
        let later = ChallengeAuthority(secret: Self.secret, epoch: 8)
        #expect(objection(issued.token, solution, to: later) == .earlierRun)
        let hard = try Self.issue(0x1p60)
        #expect(objection(hard.token, solution) == .insufficientWork)
    }

    @Test("no byte of a token can be changed")
    func tampering() throws {
        let issued = try Self.issue(2)
        let solution = try ProofSolver.solve(token: issued.token, threads: 1)
        let bytes = try #require(Base64URL.decode(issued.token))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let error = Self.verify(Base64URL.encode(changed), solution)
            #expect(error == .forged || error == .malformedToken || error == .expired, "byte \(index)")
        }
        for bad in ["", "x", issued.token + "A", String(issued.token.dropLast()), issued.token + "="] {
            #expect(Self.verify(bad, solution) == .malformedToken)
        }
    }

    @Test("an easier target written into a token is refused, however much work was done for it")
    func easierTarget() throws {
        let issued = try Self.issue(1e9)
        var bytes = try #require(Base64URL.decode(issued.token))
        for index in 10..<26 { bytes[index] = 0xFF }
        let easy = Base64URL.encode(bytes)
        let solution = try ProofSolver.solve(token: easy, threads: 1)
        #expect(Self.verify(easy, solution) == .forged)
        #expect(Self.verify(issued.token, solution) == .insufficientWork)
    }

    @Test("a challenge of an earlier run or of another secret is refused as such")
    func otherRuns() throws {
        let earlier = try Self.issue(2, authority: ChallengeAuthority(secret: Self.secret, epoch: 6))
        #expect(
            Self.verify(earlier.token, try ProofSolver.solve(token: earlier.token, threads: 1)) == .earlierRun
        )
        let foreign = try Self.issue(2, authority: ChallengeAuthority(secret: HMACKey([1]), epoch: 7))
        #expect(
            Self.verify(foreign.token, try ProofSolver.solve(token: foreign.token, threads: 1)) == .forged)
        #expect(
            try ChallengeAuthority(secret: Self.secret).epoch != ChallengeAuthority(secret: Self.secret).epoch
        )
    }

    @Test("a challenge from the future is refused: a clock went back")
    func future() throws {
        let issued = try Self.issue(2)
        let solution = try ProofSolver.solve(token: issued.token, threads: 1)
        #expect(Self.verify(issued.token, solution, now: Self.now - .seconds(4)) == nil)
        #expect(Self.verify(issued.token, solution, now: Self.now - .seconds(6)) == .issuedInFuture)
    }

    @Test("any number of challenges are open at once, each with its own nonce and solution")
    func parallel() throws {
        let issued = try (0..<50).map { _ in try Self.issue(16) }
        #expect(Set(issued.map(\.challenge.nonce)).count == 50)
        let solutions = try issued.map { try ProofSolver.solve(token: $0.token, threads: 1) }
        for (challenge, solution) in zip(issued, solutions) {
            #expect(Self.verify(challenge.token, solution) == nil)
        }
        let crossed = zip(issued, solutions.dropFirst()).filter { Self.verify($0.token, $1) == nil }
        #expect(crossed.count < 20, "a solution serves its own challenge alone, but for luck of 1 in 16")
    }

    @Test(
        "targets are continuous in the expected hashes",
        arguments: [1, 1.5, 2, 3, 1000, 16384, 16385, 1e7, 0x1p64])
    func targets(hashes: Double) {
        let target = WorkTarget(WorkDemand(expectedHashes: hashes))
        #expect(abs(target.expectedHashes / hashes - 1) < 1e-12)
        #expect(target.hex.count == 32)
        #expect(WorkTarget(WorkDemand(expectedHashes: hashes * 1.001)).threshold < target.threshold)
    }

    @Test("demands out of range lead to a target all the same, never to an easier one")
    func extremeTargets() {
        #expect(WorkTarget(WorkDemand(expectedHashes: -5)).threshold == .max)
        #expect(WorkTarget(WorkDemand(expectedHashes: .infinity)).threshold == 1)
        #expect(WorkTarget(WorkDemand(expectedHashes: 1e300)).threshold == 1)
    }

    @Test("the mean number of hashes is the expected one, within five standard errors")
    func meanWork() throws {
        let hashes = 40.0
        let count = 600
        var total = 0.0
        for index in 0..<count {
            // The token need not be authentic to be worked on.
            var work = ProofWork(token: "token \(index)")
            let target = WorkTarget(WorkDemand(expectedHashes: hashes))
            var counter: UInt64 = 0
            while !work.wins(Solution(counter: counter), against: target) { counter += 1 }
            total += Double(counter + 1)
        }
        #expect(abs(total / Double(count) - hashes) < 5 * hashes / Double(count).squareRoot())
    }

    @Test("solving stops when it is told to, or at its bound, and tells how far it is")
    func stopping() throws {
        let hopeless = try Self.issue(1e18).token
        #expect(throws: ProofSolver.Failure.cancelled) {
            try ProofSolver.solve(token: hopeless, threads: 2, isCancelled: { true })
        }
        let reports = Mutex<[UInt64]>([])
        do throws(ProofSolver.Failure) {
            _ = try ProofSolver.solve(
                token: hopeless, threads: 2, hashesMax: 50_000,
                progress: { count in reports.withLock { $0.append(count) } })
            Issue.record("solved the hopeless")
        } catch {
            guard case .gaveUp(let hashes) = error else { return #expect(Bool(false), "\(error)") }
            #expect((50_000...70_000).contains(hashes))
        }
        #expect(reports.withLock { !$0.isEmpty && $0 == $0.sorted() })
        #expect(throws: ProofSolver.Failure.malformedToken) { try ProofSolver.solve(token: "x", threads: 1) }
    }

    @Test("solutions are decimal digits and nothing else")
    func solutionText() {
        for value in [0, 7, 10, UInt64.max] { #expect(Solution(text: String(value))?.counter == value) }
        for bad in [
            "", "+1", "-1", "01", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999", "٣",
        ] {
            #expect(Solution(text: bad) == nil)
        }
    }

    @Test("every refusal tells the client something, and no refusal is a success")
    func reasons() { #expect(ProofError.allCases.allSatisfy { !$0.publicReason.isEmpty }) }
}
