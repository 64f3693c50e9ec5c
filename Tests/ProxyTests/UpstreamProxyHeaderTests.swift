import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Connections that are passed on with a PROXY header")
struct UpstreamProxyHeaderTests {
    private static let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

    /// An upstream that tells the header of the connection in each answer.
    private func origin() -> ScriptedUpstream {
        ScriptedUpstream { connection, number in
            guard let line = connection.receive(through: "\r\n") else { return }
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send(ok("\(number) \(line.dropLast())"))
            }
        }
    }

    @Test(
        "each connection names its client and what that has connected to, and serves no other",
        arguments: [true, false])
    func keyed(isCollected: Bool) throws {
        let origin = origin()
        let upstream = origin.upstream { $0.proxyProtocol = .v1 }
        let server = try ServerUnderTest { exchange in
            guard isCollected else { return exchange.stream(to: upstream) }
            exchange.collectBody(bytesMax: 9) { body in
                exchange.forward(body: body, to: upstream, answerBytesMax: 999) { result in
                    exchange.respond((try? result.get())?.response ?? plain("failed"))
                }
            }
        }
        let clients = [server.connect(), server.connect()]
        for _ in 0..<2 {
            for (index, client) in clients.enumerated() {
                client.send(Self.get)
                let line = "PROXY TCP4 127.0.0.1 127.0.0.1 \(client.localPort) \(server.address.port)"
                #expect(client.answer()?.body == "\(index) \(line)")
            }
        }
        #expect(origin.connections == 2)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("with no connection to spare another client's is closed for it, and the queue is served")
    func bounded() throws {
        let origin = origin()
        let upstream = origin.upstream {
            $0.proxyProtocol = .v1
            $0.connectionsMax = 1
        }
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let clients = (0..<4).map { _ in server.connect() }
        for client in clients { client.send(Self.get) }
        for client in clients {
            let body = client.answer()?.body ?? ""
            #expect(body.contains(" \(client.localPort) \(server.address.port)"), "\(body)")
        }
        #expect(origin.connections == 4)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "nginx reads both versions as the client's address",
        .enabled(if: RunningProgram.isThere(RunningProgram.nginx), "nginx is not installed"),
        arguments: ProxyProtocolWriter.Version.allCases)
    func nginx(version: ProxyProtocolWriter.Version) throws {
        let folder = NSTemporaryDirectory() + "samegate-nginx-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (probe, port) = BlockingSocket.listening()
        probe.close()
        let config = """
            daemon off; master_process off; pid \(folder)/pid; error_log stderr;
            events {}
            http {
              access_log off; client_body_temp_path \(folder); proxy_temp_path \(folder);
              fastcgi_temp_path \(folder); uwsgi_temp_path \(folder); scgi_temp_path \(folder);
              server { listen 127.0.0.1:\(port) proxy_protocol;
                return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port"; }
            }
            """
        try Data(config.utf8).write(to: URL(fileURLWithPath: folder + "/c"))
        let nginx = try RunningProgram(RunningProgram.nginx, ["-p", folder, "-c", folder + "/c"])
        defer { nginx.stop() }
        let address = try #require(SocketAddress(host: "127.0.0.1", port: port))
        #expect(eventually("nginx listens") { BlockingSocket.canConnect(to: address) })
        var settings = UpstreamSettings(name: "nginx", endpoint: Endpoint(host: "127.0.0.1", port: port))
        settings.proxyProtocol = version
        let upstream = Upstream(settings: settings)
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        for _ in 0..<2 {
            client.send(Self.get)
            #expect(client.answer()?.body == "127.0.0.1 \(client.localPort) \(server.address.port)")
        }
        #expect(upstream.connectionCount == 1)
        server.stop()
        upstream.close()
    }
}
