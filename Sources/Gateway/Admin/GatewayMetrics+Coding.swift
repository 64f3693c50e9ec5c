import Metrics

extension GatewayMetrics {
    /// Adds what content codings do and cost.
    func expose(_ codings: CodingServices) throws(MetricError) {
        let counters = codings.counters
        try exposeRequests(counters)
        try exposeAnswers(counters)
        try gauge("samegate_compressing_answers", "Answers being compressed as they pass now.") {
            codings.deflaters.borrowed
        }
    }

    private func exposeRequests(_ counters: CodingCounters) throws(MetricError) {
        try counter("samegate_requests_decoded_total", "Request bodies whose content coding was undone.") {
            counters.requestsDecoded.load(ordering: .relaxed)
        }
        try counter("samegate_request_coded_bytes_total", "Bytes of request bodies before decoding.") {
            counters.requestCodedBytes.load(ordering: .relaxed)
        }
        try counter("samegate_request_decoded_bytes_total", "Bytes of request bodies after decoding.") {
            counters.requestPlainBytes.load(ordering: .relaxed)
        }
        try counter(
            "samegate_decoding_over_limit_total", "Request bodies refused for what decoding would have cost."
        ) {
            counters.overLimits.load(ordering: .relaxed)
        }
        try counter("samegate_decoding_corrupt_total", "Request bodies that are not of their coding.") {
            counters.corrupt.load(ordering: .relaxed)
        }
        try counter("samegate_decoding_unknown_total", "Request bodies in a coding that is not known.") {
            counters.unknown.load(ordering: .relaxed)
        }
    }

    private func exposeAnswers(_ counters: CodingCounters) throws(MetricError) {
        try counter("samegate_answers_decoded_total", "Upstreams' answers decoded to be read.") {
            counters.answersDecoded.load(ordering: .relaxed)
        }
        try counter("samegate_answers_encoded_total", "Answers coded for clients.") {
            counters.answersEncoded.load(ordering: .relaxed)
        }
        try counter("samegate_answer_plain_bytes_total", "Bytes of answers before coding.") {
            counters.answerPlainBytes.load(ordering: .relaxed)
        }
        try counter("samegate_answer_coded_bytes_total", "Bytes of answers after coding.") {
            counters.answerCodedBytes.load(ordering: .relaxed)
        }
        try counter(
            "samegate_answers_uncompressed_total",
            "Answers that passed uncompressed because as many were being compressed as may be."
        ) {
            counters.passedUncompressed.load(ordering: .relaxed)
        }
    }
}
