import HTTPWire
import Policy
import Proxy
import Query
import SAME
import Store
import Synchronization

/// Everything a decision is made from.
struct Joined {
    let batch: QueryBatch
    let examinations: [Examination]
    let response: CollectedResponse
}

extension ProtectedExchange {
    /// Scores every row against the victim's answer, asks the policy, and carries its verdict out.
    func decide(_ joined: Joined) {
        guard (200...299).contains(joined.response.head.status) else {
            // An error of the victim carries no prediction: there is nothing to protect.
            let scores = assess(joined, answer: nil)
            record(scores, verdicts: nil, joined, reason: "the upstream answered \(joined.response.head.status)")
            return exchange.respond(joined.response.response)
        }
        let reading = read(joined.response, rows: joined.batch.rows)
        let answer = try? reading.get()
        let scores = assess(joined, answer: answer)
        let verdict = protection.policy.verdict(for: scores.map(Assessment.init))
        record(scores, verdicts: verdict, joined, reason: reading.failureReason)
        guard answer != nil || !protection.refuses(protection.onUnreadableAnswer) else {
            return exchange.respond(GatewayProblem.unreadableAnswer)
        }
        guard protection.mode == .enforce else { return exchange.respond(joined.response.response) }
        carryOut(verdict, joined, answer)
    }

    private func carryOut(_ verdict: BatchVerdict, _ joined: Joined, _ answer: Answer?) {
        switch verdict.outcome {
        case .answer: exchange.respond(perturbed(verdict, joined, answer))
        case .reject: exchange.respond(GatewayProblem.rejected)
        case .proofOfWork(let demand):
            challenge(demand, withholding: perturbed(verdict, joined, answer), joined.batch)
        }
    }

    // MARK: The answer

    private func read(_ response: CollectedResponse, rows: Int) -> Result<Answer, UnreadableAnswer> {
        let result = Result { () throws(UnreadableAnswer) in
            if let coding = contentCoding(response.head.fields) {
                throw UnreadableAnswer(reason: "its content coding is \(coding)")
            }
            do throws(AnswerError) {
                return try protection.reader.read(response.body, rows: rows)
            } catch {
                throw UnreadableAnswer(reason: "\(error)")
            }
        }
        if case .failure = result { services.counters.unreadableAnswers.wrappingAdd(1, ordering: .relaxed) }
        return result
    }

    private func assess(_ joined: Joined, answer: Answer?) -> [AnomalyScore] {
        joined.examinations.enumerated().map { row, examination in
            protection.scorer.assess(examination, answer: answer?.row(row))
        }
    }

    /// The answer with the rows whose verdict is perturb changed. Where the answer could not be read it stays as it is,
    /// which `on_unreadable_answer` has allowed.
    private func perturbed(_ verdict: BatchVerdict, _ joined: Joined, _ answer: Answer?) -> Response {
        var response = joined.response.response
        guard let answer, !verdict.perturbations.isEmpty else { return response }
        var changes: [Int: [Float]] = [:]
        for (row, plan) in verdict.perturbations {
            changes[row] = services.perturber.apply(
                plan, to: answer.row(row), row: joined.batch.digests[row])
        }
        response.body = answer.rewritten(rows: changes)
        // What vouches for the bytes as they were is no longer true (RFC 9110 §8.8.3, RFC 9530).
        response.fields.remove("etag")
        response.fields.remove("content-md5")
        response.fields.remove("digest")
        response.fields.remove("content-digest")
        response.fields.remove("repr-digest")
        return response
    }

    // MARK: Proof-of-work

    /// Keeps the answer and demands work for it; refuses when either cannot be done, since answering free would make
    /// exhausting the store the way around it.
    private func challenge(_ demand: WorkDemand, withholding response: Response, _ batch: QueryBatch) {
        let now = services.unix.now()
        let issued: IssuedChallenge
        do {
            issued = try services.authority.issue(
                demand, for: binding(batch), now: now, lifetime: services.challengeLifetime)
        } catch {
            return cannotChallenge("no challenge can be issued: \(error)")
        }
        let key = StoreKey(issued.challenge.nonce)
        do throws(StoreError) {
            let kept = try services.store.withhold(
                WithheldAnswer(response), as: key, until: issued.challenge.expires)
            guard kept == .held else { return cannotChallenge("the answer cannot be withheld: \(kept)") }
        } catch {
            return cannotChallenge("the store is out: \(error)")
        }
        exchange.respond(GatewayProblem.workDemanded(issued, lifetime: services.challengeLifetime))
    }

    private func cannotChallenge(_ reason: String) {
        services.counters.unchallengeable.wrappingAdd(1, ordering: .relaxed)
        services.log.warning("\(reason)", metadata: ["request_id": "\(exchange.requestID)"])
        respond(GatewayProblem.cannotWithhold, retryAfterSeconds: 1)
    }

    /// What a challenge for this query is bound to. Clients are not identified yet, so all share one identity; the query
    /// and the route still bind, and an address never does (dual-stack clients change theirs).
    private func binding(_ batch: QueryBatch) -> ChallengeBinding {
        ChallengeBinding(client: "anonymous", route: route.name, query: batch.digest)
    }

    /// Releases the withheld answer for a valid, fresh proof. The victim is not asked and the policy not consulted again.
    func redeem(_ field: String, _ batch: QueryBatch) {
        isOver = true
        guard let proof = ProofField(parsing: field) else {
            return refuseProof("the \(ProofField.name) field is not CHALLENGE:NUMBER")
        }
        let verified = services.authority.verify(
            token: proof.token, solution: proof.solution, expected: binding(batch), now: services.unix.now())
        switch verified {
        case .failure(let error): refuseProof(error.publicReason)
        case .success(let challenge): release(challenge, batch)
        }
    }

    private func release(_ challenge: Challenge, _ batch: QueryBatch) {
        let key = StoreKey(challenge.nonce)
        do throws(StoreError) {
            switch try services.store.claim(key, until: challenge.expires) {
            case .replayed: return refuseProof("this proof has been used already")
            case .expired: return refuseProof(ProofError.expired.publicReason)
            case .full: return respond(GatewayProblem.storeUnavailable, retryAfterSeconds: 1)
            case .fresh: break
            }
            guard let response = try services.store.redeem(key)?.response else {
                return refuseProof("the answer is no longer held; send the query again for a new challenge")
            }
            services.counters.released.wrappingAdd(1, ordering: .relaxed)
            recordRelease(challenge, batch)
            exchange.respond(response)
        } catch {
            services.log.warning("the store is out: \(error)", metadata: ["request_id": "\(exchange.requestID)"])
            respond(GatewayProblem.storeUnavailable, retryAfterSeconds: 1)
        }
    }

    private func refuseProof(_ reason: String) {
        services.counters.proofsRefused.wrappingAdd(1, ordering: .relaxed)
        recordUnscored("proof refused: \(reason)", verdict: .reject)
        exchange.respond(GatewayProblem.proofRefused(reason))
    }
}

/// Why an answer's probabilities cannot be used; for the decision log.
struct UnreadableAnswer: Error {
    let reason: String
}

extension Result where Failure == UnreadableAnswer {
    /// The reason of a failure.
    var failureReason: String? {
        if case .failure(let error) = self { "unreadable answer: \(error.reason)" } else { nil }
    }
}

extension Assessment {
    /// What the policy needs of a score.
    init(_ score: AnomalyScore) {
        self.init(score: score.raw, percentile: score.percentile, surprise: score.surprise)
    }
}

extension StoreKey {
    /// The key of a challenge's claim and of its withheld answer.
    init(_ nonce: ChallengeNonce) { self.init(high: nonce.high, low: nonce.low) }
}
