import CPosix
import Dispatch
import Foundation
import Synchronization
import Testing
import Transport

@testable import Service

@Suite("Telling the service manager (sd_notify(3))")
struct NotifierTests {
    @Test("each word is one datagram of assignments", arguments: ["/", "@"])
    func words(kind: String) throws {
        let socket = try NotifySocket(isAbstract: kind == "@")
        let notifier = try #require(Notifier(["NOTIFY_SOCKET": socket.path]))
        notifier.ready("serving\n2 addresses", processID: 7)
        #expect(socket.next() == "READY=1\nSTATUS=serving 2 addresses\nMAINPID=7")
        notifier.reloading(now: MonotonicTime(nanoseconds: 5_999))
        #expect(socket.next() == "RELOADING=1\nMONOTONIC_USEC=5\nSTATUS=reloading")
        notifier.alive()
        #expect(socket.next() == "WATCHDOG=1")
        notifier.successor(9)
        #expect(socket.next() == "MAINPID=9")
        notifier.stopping()
        #expect(socket.next()?.hasPrefix("STOPPING=1\n") == true)
    }

    @Test(
        "nobody is told without an address that this kind of socket has",
        arguments: ["", "@", "vsock:2:1", "x"])
    func nobody(address: String) {
        #expect(Notifier(["NOTIFY_SOCKET": address]) == nil)
        #expect(Notifier([:]) == nil)
    }

    @Test("a manager that is not there is no failure")
    func absent() {
        Notifier(["NOTIFY_SOCKET": "/nonexistent/\(UUID())"])?.alive()
    }
}

@Suite("The watchdog (sd_watchdog_enabled(3))")
struct WatchdogTests {
    @Test("it watches the process that the manager means")
    func interval() throws {
        #expect(try Watchdog.interval([:], processID: 1) == nil)
        #expect(try Watchdog.interval(["WATCHDOG_USEC": "500"], processID: 1) == .microseconds(500))
        let both = ["WATCHDOG_USEC": "500", "WATCHDOG_PID": "2"]
        #expect(try Watchdog.interval(both, processID: 2) == .microseconds(500))
        #expect(try Watchdog.interval(both, processID: 3) == nil)
    }

    @Test(
        "a malformed variable is said",
        arguments: [
            ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "x"], ["WATCHDOG_USEC": "1", "WATCHDOG_PID": "y"],
        ])
    func malformed(environment: [String: String]) {
        #expect(throws: ServiceError.self) { _ = try Watchdog.interval(environment, processID: 1) }
    }

    @Test("a loop that does not answer silences it, and one that answers again lets it speak")
    func silence() {
        let answers = Mutex<[@Sendable () -> Void]>([])
        let reports = Mutex<[Bool]>([])
        // The first look is at once; the timer's next is an hour away.
        let dog = Watchdog(interval: .seconds(7_200)) { answer in
            answers.withLock { $0.append(answer) }
        } report: { alive in
            reports.withLock { $0.append(alive) }
        }
        while answers.withLock({ $0.isEmpty }) { sched_yield() }
        dog.look()
        #expect(reports.withLock { $0 } == [true, false])
        for answer in answers.withLock({ $0 }) { answer() }
        dog.look()
        #expect(reports.withLock { $0 } == [true, false, true])
        dog.stop()
    }

    @Test("a ping is answered by every loop of a group, and by none while one hangs")
    func ping() throws {
        let group = try LoopGroup(count: 2)
        let answered = Atomic(0)
        let stuck = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        group.loops[1].execute { @Sendable in stuck.wait() }
        group.ping { @Sendable in
            answered.wrappingAdd(1, ordering: .relaxed)
            done.signal()
        }
        group.loops[0].sync { @Sendable in }
        #expect(answered.load(ordering: .relaxed) == 0)
        stuck.signal()
        #expect(done.wait(timeout: .now() + 30) == .success)
        group.shutdown()
    }
}

@Suite("Inherited sockets (sd_listen_fds(3))")
struct InheritedSocketsTests {
    @Test("another process's, or none, are left alone")
    func others() throws {
        #expect(try InheritedSockets([:], processID: 1).sockets.isEmpty)
        #expect(
            try InheritedSockets(["LISTEN_FDS": "2", "LISTEN_PID": "2"], processID: 1).sockets.isEmpty)
    }

    @Test("malformed variables are said", arguments: ["x", "-1", "100000"])
    func malformed(count: String) {
        #expect(throws: ServiceError.self) {
            _ = try InheritedSockets(["LISTEN_FDS": count, "LISTEN_PID": "1"], processID: 1)
        }
        #expect(throws: ServiceError.self) {
            _ = try InheritedSockets(["LISTEN_FDS": "0", "LISTEN_PID": "me"], processID: 1)
        }
    }

    @Test("a listening socket is adopted with its address; what does not listen is refused and left open")
    func adoption() throws {
        let address = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        let listener = try Listener(binding: address)
        let adopted = try Listener(adopting: try listener.duplicateDescriptor().release())
        #expect(adopted.localAddress == listener.localAddress)
        let plain = try Descriptor.connecting(to: listener.localAddress)
        let raw = plain.raw
        #expect(throws: TransportError.self) { _ = try Listener(adopting: raw) }
        #expect(fcntl(raw, F_GETFD) >= 0)
        _ = plain
    }
}

@Suite("Which inherited socket a listener gets")
struct InheritedSocketChoiceTests {
    private func socket(_ name: String, _ host: String = "127.0.0.1") throws -> InheritedSockets.Socket {
        let address = try #require(SocketAddress(host: host, port: 0))
        return InheritedSockets.Socket(name: name, listener: try Listener(binding: address))
    }

    @Test("of several with one name it is the one at the address; at another address nobody can say")
    func shared() throws {
        let pair = [try socket("web"), try socket("web"), try socket("other")]
        var sockets = InheritedSockets(pair)
        let second = pair[1].listener
        #expect(try sockets.take(named: "web", at: second.localAddress)?.isSameSocket(as: second) == true)
        let rest = try sockets.take(named: "web", at: second.localAddress)
        #expect(rest?.isSameSocket(as: pair[0].listener) == true, "one is left of that name")
        #expect(try sockets.take(named: "web", at: second.localAddress) == nil)
        sockets = InheritedSockets(pair)
        let elsewhere = try #require(SocketAddress(host: "127.0.0.2", port: 1))
        let names = pair.prefix(2).map(\.listener.name)
        #expect(throws: ServiceError.ambiguous(name: "web", sockets: names)) {
            _ = try sockets.take(named: "web", at: elsewhere)
        }
        #expect(try sockets.take(named: nil, at: elsewhere) == nil)
        #expect(try sockets.take(named: "other", at: elsewhere)?.isSameSocket(as: pair[2].listener) == true)
    }
}

@Suite("A Unix socket to listen at, and the stream between two processes")
struct LocalSocketTests {
    @Test("one is adopted with its path, and given to the listener that asks for the path")
    func adoption() throws {
        let path = NSTemporaryDirectory() + "sg-\(UUID().uuidString.prefix(8)).sock"
        let listener = try Listener(path: path, mode: 0o640)
        let adopted = try Listener(adopting: try listener.duplicateDescriptor().release())
        #expect(adopted.path == path && adopted.name == "unix:\(path)")
        var mode = stat()
        #expect(stat(path, &mode) == 0 && mode.st_mode & 0o777 == 0o640)
        adopted.removeFile()
        #expect(stat(path, &mode) == 0, "whoever made it removes it")
        listener.removeFile()
        #expect(stat(path, &mode) != 0)
        #expect(throws: TransportError.self) {
            _ = try Listener(path: "/tmp/" + String(repeating: "x", count: 120), mode: 0o600)
        }
    }

    @Test("messages come whole and in order, and the end is an end")
    func messages() throws {
        let (here, there) = try StateStream.pair()
        let all = [[UInt8](), [1], [UInt8](repeating: 7, count: 300_000), [2, 3]]
        let sender = Thread { @Sendable in
            #expect(there.awaitRequest())
            for message in all { #expect(there.send(message)) }
        }
        sender.start()
        #expect(here.request())
        for message in all { #expect(here.receive() == message) }
        let lonely = try StateStream.pair().0
        #expect(lonely.receive() == nil && !lonely.request())
    }

    @Test(
        "an environment without a stream, or with nonsense for one, names none",
        arguments: [nil, "", "x", "1", "-5", "999999"])
    func environment(value: String?) {
        var environment: [String: String] = [:]
        environment[Successor.stateVariable] = value
        #expect(StateStream(environment) == nil)
    }
}

@Suite("The process")
struct ProcessTests {
    @Test("the limit of descriptors ends at the hard limit")
    func limit() throws {
        let raised = try DescriptorLimit.raise()
        let table = try String(contentsOfFile: "/proc/self/limits", encoding: .utf8)
        let line = try #require(table.split(separator: "\n").first { $0.hasPrefix("Max open files") })
        let numbers = line.split(separator: " ").compactMap { UInt64($0) }
        #expect(numbers == [raised, raised])
    }

    @Test(
        "a parent to end with is a process id, and this process's own parent",
        arguments: ["", "x", "0", "-1"])
    func parent(value: String) throws {
        try Parent.follow([:])
        let malformed = ServiceError.environment(
            name: Parent.variable, value: value, reason: "not a process id")
        #expect(throws: malformed) { try Parent.follow([Parent.variable: value]) }
    }

    @Test("an account that the system does not know is refused by name; a number needs no entry")
    func accounts() throws {
        #expect(throws: ServiceError.unknownAccount("no-such-user")) {
            _ = try Privileges(user: "no-such-user", group: nil)
        }
        #expect(throws: ServiceError.unknownAccount("no-such-group")) {
            _ = try Privileges(user: "root", group: "no-such-group")
        }
        _ = try Privileges(user: "54321", group: "54322")
    }

    @Test("a directory for an account is made with those above it, left as it is once it is there, or said")
    func directory() throws {
        let top = NSTemporaryDirectory() + "samegate-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: top) }
        let account = try Privileges(user: "\(getuid())", group: "\(getgid())")
        for _ in 0..<2 { try account.make(top + "/logs/deep") }
        var status = stat()
        #expect(stat(top + "/logs", &status) == 0 && status.st_uid == getuid())
        #expect(status.st_mode & 0o027 == 0, "nobody else may write or look")
        try Data().write(to: URL(fileURLWithPath: top + "/file"))
        #expect(throws: ServiceError.self) { try account.make(top + "/file/logs") }
    }

    @Test("what another account may do is told by owners and modes, and this one's rights say nothing")
    func foresight() throws {
        let top = NSTemporaryDirectory() + "samegate-\(UUID())"
        #expect(mkdir(top, 0o700) == 0)
        defer { try? FileManager.default.removeItem(atPath: top) }
        try Data().write(to: URL(fileURLWithPath: top + "/a.log"))
        let stranger = try Privileges(user: "54321", group: "54322")
        let own = try Privileges(user: "\(geteuid())", group: nil)
        #expect(stranger.isAnother && !own.isAnother)
        #expect(own.mayWrite(top + "/a.log") == .granted)
        #expect(stranger.mayMakeFiles(in: top) == .denied)
        #expect(stranger.mayWrite(top + "/a.log") == .denied)
        #expect(own.mayMakeFiles(in: top + "/absent/deep") == .missing)
        #expect(stranger.mayMakeFiles(in: top + "/absent/deep") == .denied)
        #expect(chmod(top, 0o777) == 0 && chmod(top + "/a.log", 0o666) == 0)
        #expect(stranger.mayWrite(top + "/a.log") == .granted)
        // What leads to it counts too.
        #expect(mkdir(top + "/shut", 0o700) == 0 && mkdir(top + "/shut/open", 0o777) == 0)
        #expect(chmod(top + "/shut/open", 0o777) == 0)
        #expect(stranger.mayMakeFiles(in: top + "/shut/open") == .denied)
    }

    @Test("a file of the process id is replaced whole, and left to a successor that has written its own")
    func processFile() throws {
        let path = NSTemporaryDirectory() + "samegate-\(UUID()).pid"
        defer { unlink(path) }
        let old = PIDFile(path: path, processID: 11)
        try old.write()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "11\n")
        let new = PIDFile(path: path, processID: 12)
        try new.write()
        old.remove()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "12\n")
        new.remove()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: ServiceError.self) {
            try PIDFile(path: "/nonexistent/samegate.pid", processID: 1).write()
        }
    }
}

/// What a service manager listens at.
private final class NotifySocket {
    let path: String
    private let raw: Int32

    init(isAbstract: Bool) throws {
        let name = "samegate-\(UUID())"
        path = isAbstract ? "@\(name)" : NSTemporaryDirectory() + name
        raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, length) }
        }
        try #require(bound == 0)
    }

    deinit {
        close(raw)
        if path.hasPrefix("/") { unlink(path) }
    }

    /// The next datagram; nil when none has been sent.
    func next() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(raw, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
}
