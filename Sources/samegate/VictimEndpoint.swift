import Dispatch
import Engine
import Foundation
import HTTPWire
import Proxy
import Query
import SAME
import Tensor

/// Answers prediction calls with a classifier's probabilities.
final class VictimEndpoint: RequestHandler {
    private let predictor: Predictor
    /// The readers of the two protocols.
    private let rows: QueryDecoder
    private let tensors: QueryDecoder
    private let name: String
    private let queue = DispatchQueue(label: "samegate.victim", attributes: .concurrent)
    private let slots: DispatchSemaphore

    init(_ directory: ClassifierDirectory, name: String, threads: Int) {
        predictor = Predictor(directory.classifier)
        let image = directory.manifest.architecture.image
        func decoder(_ wireProtocol: WireProtocol) -> QueryDecoder {
            QueryDecoder(
                QueryFormat(
                    wireProtocol: wireProtocol, layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image
                ))
        }
        rows = decoder(.tensorFlowServing)
        tensors = decoder(.openInference)
        self.name = name
        slots = DispatchSemaphore(value: threads)
    }

    func handle(_ exchange: Exchange) {
        let path = exchange.request.target.path
        switch (exchange.request.method, path) {
        case (.get, "/v1/models/\(name)"):
            let status = """
                {"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK",\
                "error_message":""}}]}
                """
            exchange.respond(Self.json(200, Array(status.utf8)))
        case (.get, "/v2/health/live"), (.get, "/v2/health/ready"), (.get, "/v2/models/\(name)/ready"):
            exchange.respond(Response(status: 200))
        case (.get, "/v2/models/\(name)"): exchange.respond(Self.json(200, metadata))
        case (.post, "/v1/models/\(name):predict"):
            predict(exchange) { try self.answer($0) }
        case (.post, "/v2/models/\(name)/infer"), (.post, "/v2/models/\(name)/versions/1/infer"):
            let fields = exchange.request.fields
            predict(exchange) { try self.answer($0, fields) }
        default:
            exchange.respond(
                ProblemDocument(
                    status: 404,
                    detail: "this endpoint serves /v1/models/\(name):predict and /v2/models/\(name)/infer"))
        }
    }

    private func predict(
        _ exchange: Exchange, _ answer: @escaping @Sendable ([UInt8]) throws -> Response
    ) {
        exchange.collectBody(bytesMax: 16 << 20) { body in
            self.queue.async { @Sendable [self] in
                slots.wait()
                let response = Self.response(of: body, answer)
                slots.signal()
                exchange.loop.execute { @Sendable in exchange.respond(response) }
            }
        }
    }

    private static func response(of body: [UInt8], _ answer: ([UInt8]) throws -> Response) -> Response {
        do {
            return try answer(body)
        } catch {
            // The description may quote the request, so it has to be encoded; a dictionary of text always can be.
            return json(400, Array((try? JSONEncoder().encode(["error": "\(error)"])) ?? Data()))
        }
    }

    private static func json(_ status: Int, _ body: [UInt8]) -> Response {
        Response(status: status, contentType: "application/json", body: body)
    }

    private var classes: Int { predictor.architecture.classes }

    private func probabilities(_ batch: QueryBatch) -> [Float] {
        predictor.probabilities(Tensor(shape: [batch.rows, batch.shape.count], values: batch.values)).values
    }

    private func answer(_ body: [UInt8]) throws -> Response {
        let batch = try rows.decode(body)
        return Self.json(
            200,
            AnswerEncoder.tensorFlowServing(probabilities(batch), classes: classes, form: batch.form))
    }

    // MARK: The Open Inference Protocol

    private static let outputName = "probabilities"
    private static let extentName = "Inference-Header-Content-Length"

    /// What a request says of its answer.
    private struct Wish: Decodable {
        struct Parameters: Decodable {
            var binary_data_output: Bool?
            var binary_data: Bool?
        }
        struct Output: Decodable {
            var name: String
            var parameters: Parameters?
        }
        var parameters: Parameters?
        var outputs: [Output]?

        /// Whether it is to have raw tensors.
        var isRaw: Bool {
            outputs?.first?.parameters?.binary_data ?? parameters?.binary_data_output ?? false
        }
    }

    private func answer(_ body: [UInt8], _ fields: HeaderList) throws -> Response {
        let jsonBytes = fields.value("inference-header-content-length").flatMap { Int($0) }
        let batch = try tensors.decode(body, jsonBytes: jsonBytes)
        let json = body.prefix(jsonBytes ?? body.count)
        // Parsed a second time only where raw tensors follow: a client that cannot send them cannot read them.
        let wish = try jsonBytes.map { _ in try JSONDecoder().decode(Wish.self, from: Data(json)) }
        if let name = wish?.outputs?.first?.name, name != Self.outputName {
            throw VictimRequestError(reason: "there is no output “\(name)”, only “\(Self.outputName)”")
        }
        let values = probabilities(batch)
        guard wish?.isRaw ?? false else {
            return Self.json(
                200,
                AnswerEncoder.openInference(values, classes: classes, name: Self.outputName, model: name))
        }
        let raw = AnswerEncoder.openInferenceBinary(
            values, classes: classes, name: Self.outputName, model: name)
        var response = Response(status: 200, contentType: "application/octet-stream", body: raw.bytes)
        try response.fields.set(Self.extentName, String(raw.jsonBytes ?? raw.bytes.count))
        return response
    }

    private struct Metadata: Encodable {
        struct Tensor: Encodable {
            var name: String
            var datatype = "FP32"
            var shape: [Int]
        }
        var name: String
        var versions = ["1"]
        var platform = "samegate"
        var inputs: [Tensor]
        var outputs: [Tensor]
    }

    private var metadata: [UInt8] {
        let image = predictor.architecture.image
        let metadata = Metadata(
            name: name,
            inputs: [Metadata.Tensor(name: "input", shape: [-1, image.height, image.width, image.channels])],
            outputs: [Metadata.Tensor(name: Self.outputName, shape: [-1, classes])])
        return Array((try? JSONEncoder().encode(metadata)) ?? Data())
    }
}

/// Why a request cannot be answered.
private struct VictimRequestError: Error, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}
