import Logging

/// Keeps what is logged, with its metadata.
struct Recorder: LogHandler {
    let said: Box<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(_ said: Box<[String]>) { self.said = said }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        said.value.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
}
