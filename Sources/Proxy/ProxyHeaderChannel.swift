import HTTPWire
import Transport

/// How a listener takes the word of proxies in front on whose a connection is: by the PROXY header that each connection
/// must begin with, before TLS and HTTP.
///
/// Never by looking whether there is one: whoever may leave it out may also make it up.
package struct ProxyHeaderIntake: ConnectionIntake, Equatable {
    /// The networks of those proxies; a connection from elsewhere is refused.
    package var proxies: [AddressPrefix]
    /// How long the header may take.
    package var timeout: Duration

    /// Headers of these proxies.
    package init(proxies: [AddressPrefix], timeout: Duration = .seconds(5)) {
        self.proxies = proxies
        self.timeout = timeout
    }

    /// Whether this peer may send one.
    package func admits(_ peer: SocketAddress) -> Bool { proxies.contains { $0.contains(peer) } }
}

/// A connection of which it is not known yet whose it is: reads the PROXY header, and nothing behind it.
///
/// The bytes are looked at where they wait and taken only when the header is whole, to its last byte: what follows
/// belongs to TLS or HTTP.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
final class ProxyHeaderChannel: StreamChannel, @unchecked Sendable {
    private let peer: SocketAddress
    private var completion: ((ProxyHeaderChannel, Result<SocketAddress, ProxyHeaderFailure>) -> Void)?
    private var failure = ProxyHeaderFailure.closed
    private var timer: LoopTimer?

    /// `completion` is called once: with whose connection `raw` is, which is the caller's again then, or with the
    /// reason for which it has been closed.
    init(
        loop: EventLoop, owning raw: Int32, peer: SocketAddress,
        completion: @escaping (ProxyHeaderChannel, Result<SocketAddress, ProxyHeaderFailure>) -> Void
    ) {
        self.peer = peer
        self.completion = completion
        super.init(loop: loop, owning: raw)
    }

    /// Begins to wait.
    func begin(timeout: Duration) {
        let timer = LoopTimer { [unowned self] in refuse(.timeout) }
        self.timer = timer
        loop.arm(timer, at: loop.now.advanced(by: timeout))
    }

    override func receivedEvent(_ readiness: Readiness) {
        note(readiness)
        let room = UnsafeMutableRawBufferPointer(rebasing: loop.scratch[..<ProxyProtocolParser.bytesMax])
        switch peek(into: room) {
        case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: room[..<count]))
        case .wouldBlock: break
        case .endOfFile, .failed: refuse(.closed)
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        do throws(ProxyProtocolError) {
            let input = Span(_unsafeElements: bytes.assumingMemoryBound(to: UInt8.self))
            guard let (header, consumed) = try ProxyProtocolParser.parse(input) else {
                // No event would tell of the end again.
                return sawPeerClose ? refuse(.closed) : ()
            }
            pass(header, consumed)
        } catch {
            refuse(.malformed(error))
        }
    }

    private func pass(_ header: ProxyProtocolHeader, _ consumed: Int) {
        guard case .bytes(consumed) = receive(into: .init(rebasing: loop.scratch[..<consumed])) else {
            return refuse(.closed)
        }
        let client: SocketAddress
        switch header.origin {
        case .own, .unknown: client = peer
        case .client(let source, _):
            client = SocketAddress(networkBytes: source.bytes, port: source.port) ?? peer
        }
        letGo()
        complete(.success(client))
    }

    private func refuse(_ failure: ProxyHeaderFailure) {
        self.failure = failure
        abort()
    }

    override func channelClosed() { complete(.failure(failure)) }

    private func complete(_ result: Result<SocketAddress, ProxyHeaderFailure>) {
        if let timer { loop.remove(timer) }
        timer = nil
        let completion = completion
        self.completion = nil
        completion?(self, result)
    }
}

/// Why a connection did not get past its PROXY header.
enum ProxyHeaderFailure: Error, Equatable {
    /// It comes from no proxy whose word is taken.
    case stranger
    /// There was none in time.
    case timeout
    /// The connection ended before its end.
    case closed
    /// It is none.
    case malformed(ProxyProtocolError)
}
