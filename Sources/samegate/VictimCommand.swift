import ArgumentParser
import Dispatch
import Engine
import Foundation
import HTTPWire
import Logging
import Proxy
import Query
import SAME
import Service
import Tensor
import Transport

/// `samegate victim`: serves a trained classifier as a TensorFlow-Serving-like endpoint, unprotected.
struct VictimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "victim",
        abstract: "Serve a model of `samegate train-victim` as a TensorFlow-Serving-like endpoint.",
        discussion: """
            It answers POST /v1/models/NAME:predict (rows and columns form) with class probabilities, and \
            GET /v1/models/NAME with the model's status. It is what a gateway is put in front of, and protects nothing.
            """)

    @Option(name: .long, help: "The model's directory.")
    var model: String

    @Option(name: .long, help: "The model's name in request paths.")
    var name = "model"

    @Option(
        name: .long,
        help: "The address to listen at; port 0 lets the system choose, and the choice is printed.")
    var listen = "127.0.0.1:8501"

    @Option(name: .long, help: "How many predictions are computed at once.")
    var threads = 1

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads is from 1 to 256") }
        guard (try? Endpoint(parsing: listen).address) != nil else {
            throw ValidationError("--listen \(listen): not an address such as 127.0.0.1:8501")
        }
    }

    func run() throws {
        try Parent.follow(ProcessInfo.processInfo.environment)
        let directory: ClassifierDirectory
        do throws(BundleError) {
            directory = try ClassifierDirectory(contentsOf: model)
        } catch {
            throw ValidationError("--model \(model): \(error)")
        }
        guard let address = try Endpoint(parsing: listen).address else { throw ExitCode(1) }
        let loops = try LoopGroup(count: 1)
        let server = ProxyServer(
            listeners: [try Listener(binding: address)], loops: loops,
            handler: VictimEndpoint(directory, name: name, threads: threads))
        try server.start()
        print("listening \(server.addresses[0])")
        fflush(nil)
        TerminationSignals.wait()
        let ended = DispatchSemaphore(value: 0)
        server.drain(deadline: .seconds(5)) { loops.shutdown { ended.signal() } }
        ended.wait()
    }
}

/// Answers predict calls with a classifier's probabilities.
final class VictimEndpoint: RequestHandler {
    private let predictor: Predictor
    private let decoder: QueryDecoder
    private let path: String
    private let name: String
    private let queue = DispatchQueue(label: "samegate.victim", attributes: .concurrent)
    private let slots: DispatchSemaphore

    init(_ directory: ClassifierDirectory, name: String, threads: Int) {
        predictor = Predictor(directory.classifier)
        let image = directory.manifest.architecture.image
        decoder = QueryDecoder(
            QueryFormat(layout: .hwc, range: ValueRange(low: 0, high: 1), shape: image))
        path = "/v1/models/\(name)"
        self.name = name
        slots = DispatchSemaphore(value: threads)
    }

    func handle(_ exchange: Exchange) {
        switch (exchange.request.method, exchange.request.target.path) {
        case (.get, path):
            let status = """
                {"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK",\
                "error_message":""}}]}
                """
            exchange.respond(
                Response(status: 200, contentType: "application/json", body: Array(status.utf8)))
        case (.post, path + ":predict"):
            exchange.collectBody(bytesMax: 16 << 20) { body in self.predict(body, exchange) }
        default:
            exchange.respond(ProblemDocument(status: 404, detail: "this endpoint serves \(path):predict"))
        }
    }

    private func predict(_ body: [UInt8], _ exchange: Exchange) {
        queue.async { @Sendable [self] in
            slots.wait()
            let response = answer(body)
            slots.signal()
            exchange.loop.execute { @Sendable in exchange.respond(response) }
        }
    }

    private func answer(_ body: [UInt8]) -> Response {
        let batch: QueryBatch
        do throws(DecodeError) {
            batch = try decoder.decode(body)
        } catch {
            // The description may quote the request, so it has to be encoded; a dictionary of text always can be.
            let body = (try? JSONEncoder().encode(["error": error.description])) ?? Data()
            return Response(status: 400, contentType: "application/json", body: Array(body))
        }
        let rows = Tensor(shape: [batch.rows, batch.shape.count], values: batch.values)
        let probabilities = predictor.probabilities(rows)
        return Response(
            status: 200, contentType: "application/json",
            body: AnswerEncoder.tensorFlowServing(
                probabilities.values, classes: predictor.architecture.classes, form: batch.form))
    }
}
