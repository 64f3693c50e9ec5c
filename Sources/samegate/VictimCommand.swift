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

/// `samegate victim`: serves a trained classifier over HTTP as model servers do, unprotected.
struct VictimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "victim",
        abstract: "Serve a model of `samegate train-victim` over HTTP as model servers do.",
        discussion: """
            It answers POST /v1/models/NAME:predict as TensorFlow Serving does (rows and columns form), and \
            POST /v2/models/NAME/infer by the Open Inference Protocol (JSON and raw tensors), with class probabilities; GET \
            /v1/models/NAME and /v2/models/NAME tell of the model, /v2/health/ready of the server. Pictures are HWC in 0…1. It is what \
            a gateway is put in front of, and protects nothing.
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
