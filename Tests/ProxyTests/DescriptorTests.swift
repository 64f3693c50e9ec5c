import Dispatch
import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Descriptors")
struct DescriptorTests {
    @Test("a server that has served, failed and stopped leaves no descriptor open")
    func noLeak() async {
        // In a process of its own: other tests open and close descriptors meanwhile.
        await #expect(processExitsWith: .success) {
            func round() throws {
                let origin = ScriptedUpstream { connection, number in
                    guard connection.receive(through: "\r\n\r\n") != nil else { return }
                    if number % 3 == 1 { return connection.send("garbage\r\n\r\n") }
                    connection.send(ok("x"))
                    // Closes at the next request, which has to be sent again.
                    if number % 3 == 2 { _ = connection.receive() }
                }
                let upstream = origin.upstream()
                let server = try ServerUnderTest(loops: 2) { $0.stream(to: upstream) }
                for index in 0..<30 {
                    let client = server.connect()
                    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    if index % 4 == 0 { client.reset() } else { _ = client.answer() }
                }
                let held = (0..<10).map { _ in server.connect() }
                held.forEach { $0.send("GET / HT") }
                server.stop()
                upstream.close()
                origin.stop()
                precondition(eventually { upstream.connectionCount == 0 })
            }
            try round()
            let before = openDescriptors()
            for _ in 0..<3 { try round() }
            // The last cancel handlers and scripted threads may still be about to close theirs.
            precondition(eventually { openDescriptors() <= before })
        }
    }
}
