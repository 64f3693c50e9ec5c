import Foundation
import Synchronization
import Testing
import Transport

@testable import Service

@Suite("Successors that never serve")
struct SuccessorTests {
    /// One that waits for nothing, and takes no notice of SIGTERM when it is `deaf`.
    private func hanging(isDeaf: Bool = false, _ limits: Successor.Limits) -> Successor {
        let trap = isDeaf ? "trap '' TERM; " : ""
        return Successor(
            program: "/bin/sh", arguments: ["sh", "-c", "\(trap)exec sleep 600"], limits: limits)
    }

    private func outcome(of successor: Successor) throws -> Successor.Outcome? {
        let said = DispatchSemaphore(value: 0)
        let found = Kept()
        let begun = try successor.start([]) { @Sendable outcome in
            found.value.withLock { $0 = outcome }
            said.signal()
        }
        #expect(begun)
        #expect(said.wait(timeout: .now() + 60) == .success, "its end has to be told")
        return found.value.withLock { $0 }
    }

    private final class Kept: Sendable {
        let value = Mutex<Successor.Outcome?>(nil)
    }

    @Test(
        "one that hangs is ended after its time, deaf or not, and another may be started",
        arguments: [false, true])
    func late(isDeaf: Bool) throws {
        let limits = Successor.Limits(ready: .milliseconds(20), grace: .milliseconds(20))
        let successor = hanging(isDeaf: isDeaf, limits)
        for _ in 0..<2 {
            guard case .failed(let reason) = try outcome(of: successor) else {
                Issue.record("it does not serve")
                return
            }
            #expect(reason.hasPrefix("it did not serve within "))
        }
    }

    @Test("one that ends by itself is told with its status, and another may be started")
    func ended() throws {
        let successor = Successor(
            program: "/bin/sh", arguments: ["sh", "-c", "exit 3"], limits: Successor.Limits())
        for _ in 0..<2 {
            #expect(
                try outcome(of: successor) == .failed("it exited with 3; its own log says why"))
        }
    }

    @Test("an unready one ends with its predecessor, and none is started after")
    func withdrawn() throws {
        let successor = hanging(Successor.Limits())
        #expect(try successor.start([]) { _ in Issue.record("nobody waits for it any more") })
        let ended = DispatchSemaphore(value: 0)
        successor.withdraw { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
        #expect(try !successor.start([]) { _ in })
    }

    @Test("without one there is nothing to wait for")
    func none() {
        let ended = DispatchSemaphore(value: 0)
        hanging(Successor.Limits()).withdraw { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }
}
