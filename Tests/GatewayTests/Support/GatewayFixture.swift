import Client
import Dispatch
import Foundation
import HTTPWire
import Logging
import Policy
import Query
import SAME
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Settings

/// A gateway from its configuration text to its sockets, before a scripted victim; nothing inside it is faked.
final class GatewayFixture {
    let model: TinyModel
    let victim: ScriptedVictim
    let folder: String
    let settings: GatewaySettings
    private(set) var gateway: Gateway
    private let clock: any LoopClock
    private let log: Logger
    private var isStopped = false

    /// A running gateway. With a manual clock nothing in it times out but by `advance`.
    ///
    /// `upstream` is where it asks instead of the victim. `prepare` changes the folder once the settings have been read.
    static func make(
        _ plan: Plan = Plan(), clock: any LoopClock = SystemClock(), upstream: String? = nil,
        log: Logger = GatewayFixture.log, prepare: (String) throws -> Void = { _ in }
    ) throws -> GatewayFixture {
        let model = try plan.model.get()
        let victim = try ScriptedVictim(model.image, layout: plan.layout == "CHW" ? .chw : .hwc)
        let folder = try Self.prepareFolder(model)
        try plan.write(in: folder)
        let settings = try Self.load(plan.text(victim: upstream ?? victim.address), in: folder)
        try prepare(folder)
        return try GatewayFixture(settings, model, victim, folder, clock, log)
    }

    private init(
        _ settings: GatewaySettings, _ model: TinyModel, _ victim: ScriptedVictim, _ folder: String,
        _ clock: any LoopClock, _ log: Logger
    ) throws {
        self.model = model
        self.victim = victim
        self.clock = clock
        self.log = log
        self.folder = folder
        self.settings = settings
        gateway = try Gateway(try GatewayAssembly(settings), log: log, clock: clock)
        try gateway.start()
    }

    static let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A directory with a bundle, a key and a place for logs.
    static func prepareFolder(_ model: TinyModel) throws -> String {
        let folder = try ScratchFolder().path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
        try model.bundle.write(to: folder + "/m.bundle")
        try Data((0..<32).map { UInt8($0) }).write(to: URL(fileURLWithPath: folder + "/gateway.key"))
        return folder
    }

    /// The settings of a text, listening at whatever port is free: a file may not say so, since nobody would find it.
    static func load(_ text: String, in folder: String) throws -> GatewaySettings {
        let text = text + "\nadmin: {address: 127.0.0.1:2}\n"
        var settings = try LoadedSettings(text: text, file: "test.yaml", directory: folder).settings
        settings.listeners[0].address = Settings.SocketAddress(host: "127.0.0.1", port: 0)
        settings.admin?.address = Settings.SocketAddress(host: "127.0.0.1", port: 0)
        return settings
    }

    // MARK: Life

    /// Ends the gateway and begins another with the same configuration and key.
    func restart() throws {
        drain()
        gateway = try Gateway(try GatewayAssembly(settings), log: log, clock: clock)
        try gateway.start()
    }

    /// Waits until everything under way has ended and the logs are written.
    func drain() {
        let ended = DispatchSemaphore(value: 0)
        gateway.drain { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success, "the gateway has to end")
    }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        drain()
        victim.stop()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: Asking

    /// The port it listens at.
    var port: UInt16 {
        get throws { try Endpoint(parsing: gateway.addresses[0]).port }
    }

    /// A client with a connection of its own.
    func client() throws -> HTTPClient {
        HTTPClient(try Endpoint(parsing: gateway.addresses[0]), timeout: .seconds(60))
    }

    /// A request body for pictures.
    func body(_ pictures: [[Float]], form: QueryEncoder.Form = .rows, layout: PixelLayout = .hwc) -> [UInt8] {
        let format = QueryFormat(layout: layout, range: ValueRange(low: -1, high: 1), shape: model.image)
        return QueryEncoder(format).body(
            QueryBatch(shape: model.image, values: Array(pictures.joined())), form: form)
    }

    /// One query on a fresh connection.
    func ask(_ pictures: [Float]..., fields: KeyValuePairs<String, String> = [:]) throws -> ClientResponse {
        try ask(body: body(pictures), fields: fields)
    }

    func ask(
        body: [UInt8], path: String = "/v1/models/m:predict", method: HTTPWire.Method = .post,
        fields: KeyValuePairs<String, String> = [:]
    ) throws -> ClientResponse {
        try client().send(method, path, fields: try HeaderList(fields), body: body)
    }

    /// A query with a proof.
    func ask(_ picture: [Float], proof: ProofField) throws -> ClientResponse {
        try ask(body: body([picture]), fields: [ProofField.name: proof.value])
    }

    // MARK: Logs

    /// The lines of a log, once the gateway has ended.
    func lines(_ name: String) throws -> [[String: Any]] {
        stop()
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/logs/\(name).jsonl"))
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            let object = try JSONSerialization.jsonObject(with: line)
            return try #require(object as? [String: Any])
        }
    }

    /// The verdicts in the decision log, in order.
    func verdicts() throws -> [String] { try lines("decisions").compactMap { $0["verdict"] as? String } }
}

extension ClientResponse {
    /// The body as text.
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The members of a problem document, whose form is checked.
    func problem() throws -> [String: Any] {
        #expect(fields.value("content-type") == ProblemDocument.mediaType)
        let object = try JSONSerialization.jsonObject(with: Data(body))
        let members = try #require(object as? [String: Any])
        #expect(members["status"] as? Int == status)
        #expect(members["instance"] as? String == fields.value("x-request-id"))
        return members
    }

    /// The end of the problem's type.
    func problemKind() throws -> String {
        let type = try problem()["type"] as? String
        return String(type?.split(separator: ":").last ?? "")
    }

    /// The challenge of a 428.
    func challenge() throws -> String {
        let members = try problem()
        return try #require(members["challenge"] as? String)
    }

    /// The probabilities of an answer.
    func probabilities(rows: Int = 1, kind: AnswerKind = .probabilities) throws -> [[Float]] {
        let answer = try AnswerReader(AnswerFormat(kind: kind, classes: TinyModel.classes)).read(
            body, rows: rows)
        return (0..<rows).map(answer.row)
    }
}

/// Runs a closure on a thread of its own and hands over what it returns.
final class Background<Value: Sendable>: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let result = Box<Result<Value, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread { @Sendable [done, result] in
            let value = Result { try body() }
            result.value.withLock { $0 = value }
            done.signal()
        }
    }

    /// Waits for the closure to end.
    func value() throws -> Value {
        done.wait()
        return try #require(result.value.withLock { $0 }).get()
    }
}
