import Identity

/// What the handler has learnt of a request and the access log is to say.
struct RequestNote: Sendable {
    /// Who asks.
    var client = ClientIdentity.anonymous

    /// The client's account, or nil when it is anonymous: its address stands for it then.
    var account: String? { client.kind == .anonymous ? nil : client.account }
}
