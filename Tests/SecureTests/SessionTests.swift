import Foundation
import HTTPWire
import Proxy
import Testing
import Transport

@testable import Secure

@Suite("Resumption and reload")
struct SessionTests {
    private static let versions = ["-tls1_2", "-tls1_3"]

    /// A file for a ticket, gone with the test.
    private final class Ticket {
        let path = NSTemporaryDirectory() + "samegate-ticket-\(UUID().uuidString)"
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test("a session is resumed by its ticket, also after a reload of the certificates", arguments: versions)
    func resumed(version: String) throws {
        let server = try TestServer(serving("plain"))
        let ticket = Ticket()
        #expect(server.client([version, "-sess_out", ticket.path]).output.contains("New, TLS"))
        #expect(server.client([version, "-sess_in", ticket.path]).output.contains("Reused, TLS"))
        try server.security?.reload(serving("renewed"))()
        #expect(server.client([version, "-sess_in", ticket.path]).output.contains("Reused, TLS"))
        #expect(server.counters.handshakesResumed.load(ordering: .relaxed) == 2)
    }

    @Test("a ticket's key opens for twice its life and no longer", arguments: versions)
    func rotation(version: String) throws {
        let server = try TestServer(serving("plain") { $0.sessionLifetime = .seconds(3600) })
        let ticket = Ticket()
        #expect(server.client([version, "-sess_out", ticket.path]).output.contains("New, TLS"))
        server.clock.advance(by: .seconds(3700))
        #expect(server.client([version, "-sess_in", ticket.path]).output.contains("Reused, TLS"))
        server.clock.advance(by: .seconds(3700))
        #expect(server.client([version, "-sess_in", ticket.path]).output.contains("New, TLS"))
    }

    @Test("a session ends when its time is over, however often it was resumed meanwhile", arguments: versions)
    func chain(version: String) throws {
        let server = try TestServer(serving("plain") { $0.sessionLifetime = .seconds(3) })
        let ticket = Ticket()
        let begun = ContinuousClock.now
        let options = [version, "-sess_in", ticket.path, "-sess_out", ticket.path]
        #expect(server.client([version, "-sess_out", ticket.path]).output.contains("New, TLS"))
        #expect(server.client(options).output.contains("Reused, TLS"))
        // The certificates' clock cannot be moved.
        var last = ""
        while ContinuousClock.now < begun + .seconds(5) { last = server.client(options).output }
        #expect(server.counters.handshakesResumed.load(ordering: .relaxed) > 1)
        let resumed = server.counters.handshakesResumed.load(ordering: .relaxed)
        let all = server.counters.handshakes.load(ordering: .relaxed)
        #expect(all - resumed >= 2, "one at first, one when the time was over: \(last)")
    }

    @Test("keys: one seals for its life, the one before still opens, the one before that is gone")
    func keys() throws {
        let clock = ManualClock()
        let keys = TicketKeys(lifetime: .seconds(100), clock: clock)
        let first = try #require(keys.current())
        clock.advance(by: .seconds(99))
        #expect(keys.current()?.name == first.name)
        clock.advance(by: .seconds(2))
        let second = try #require(keys.current())
        #expect(second.name != first.name && second.cipher != first.cipher && second.mac != first.mac)
        let opened = first.name.withUnsafeBytes { keys.key(named: $0) }
        #expect(opened?.key.cipher == first.cipher && opened?.isOld == true)
        clock.advance(by: .seconds(100))
        _ = keys.current()
        #expect(first.name.withUnsafeBytes { keys.key(named: $0) } == nil)
        #expect(second.name.withUnsafeBytes { keys.key(named: $0) }?.isOld == true)
        // A reload to a shorter time holds for the keys that are there.
        let third = try #require(keys.current())
        clock.advance(by: .seconds(30))
        #expect(keys.current()?.name == third.name)
        keys.change(lifetime: .seconds(10))
        #expect(keys.current()?.name != third.name)
        #expect(third.name.withUnsafeBytes { keys.key(named: $0) } == nil)
    }

    @Test("a reload gives new connections the new certificate, and open ones go on undisturbed")
    func reload() throws {
        let server = try TestServer(serving("plain"))
        // The pause between its requests is the reload: s_client reads its input from a pipe that stays open.
        let input = Pipe()
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["30", "openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", "-quiet"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let request = Data("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        try input.fileHandleForWriting.write(contentsOf: request)
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).contains("200"))
        try server.security?.reload(serving("renewed"))()
        #expect(server.client().output.contains("subject=CN = renewed\n"))
        let last = Data("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
        try input.fileHandleForWriting.write(contentsOf: last)
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).contains("hello"))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(server.counters.handshakes.load(ordering: .relaxed) == 2)
    }

    @Test("a reload with an expired certificate tells of it and is put into effect")
    func expiredReload() throws {
        let server = try TestServer(serving("plain"))
        let change = try #require(try server.security?.reload(serving("expired")))
        #expect(change.terms.warnings.map(\.path) == ["certificates[0].certificate"])
        change()
        #expect(server.client().output.contains("subject=CN = expired\n"))
    }

    @Test("a reload that fails changes nothing")
    func badReload() throws {
        let server = try TestServer(serving("plain"))
        #expect(throws: SecureProblems.self) { try server.security?.reload(serving("absent"))() }
        #expect(server.client().output.contains("subject=CN = plain\n"))
    }
}
