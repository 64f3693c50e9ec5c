import Foundation
import Testing

@testable import Gateway

@Suite("Gateway: the processors that may be used")
struct ProcessorAllowanceTests {
    struct Machine: Sendable, CustomTestStringConvertible {
        let folder: String
        let processors: Int
        var near: Int?
        let quota: Double?
        let workers: Int
        var testDescription: String { folder }
    }

    /// Files as the kernel writes them; the quotas by hand from the kernel's documents.
    static let machines = [
        Machine(folder: "second", processors: 8, quota: 3.5, workers: 3),
        Machine(folder: "above", processors: 8, quota: 2, workers: 2),
        Machine(folder: "none", processors: 4, quota: nil, workers: 4),
        Machine(folder: "half", processors: 4, quota: 0.5, workers: 1),
        Machine(folder: "first", processors: 16, quota: 5, workers: 5),
        Machine(folder: "container", processors: 16, quota: 3, workers: 3),
        Machine(folder: "nodes", processors: 16, near: 5, quota: nil, workers: 5),
    ]

    static func allowance(_ folder: String) throws -> ProcessorAllowance {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return ProcessorAllowance(root: fixtures.appendingPathComponent("processors/\(folder)").path)
    }

    @Test(
        "affinity, memory nodes and the least quota of all groups decide, rounded down to whole threads",
        arguments: machines)
    func reads(machine: Machine) throws {
        let found = try Self.allowance(machine.folder)
        #expect(found.processors.count == machine.processors)
        #expect(found.nearMemory.count == machine.near ?? machine.processors)
        #expect(found.quota == machine.quota)
        #expect(found.workers == machine.workers)
        // Loops read no weights: memory nodes are nothing to them, the quota is.
        let quota = found.quota.map { max(1, Int($0)) } ?? .max
        #expect(found.loops == min(machine.processors, quota))
    }

    @Test(
        "files that say nothing sensible leave what the system library counts",
        arguments: ["broken", "empty", "absent"])
    func nonsense(folder: String) throws {
        let found = try Self.allowance(folder)
        #expect(found.processors.isEmpty && found.quota == nil)
        #expect(found.workers == ProcessInfo.processInfo.activeProcessorCount)
    }

    @Test("this machine's own files are understood")
    func present() {
        let found = ProcessorAllowance(root: "/")
        #expect(found.processors.count == ProcessInfo.processInfo.activeProcessorCount)
        #expect((1...found.processors.count).contains(found.workers))
        #expect((found.workers...found.processors.count).contains(found.loops))
    }
}
