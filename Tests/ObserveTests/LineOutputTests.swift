import Foundation
import Testing

@testable import Observe

@Suite("Output")
struct LineOutputTests {
    @Test("lines and texts arrive whole and in order, more than is gathered too")
    func order() throws {
        let scratch = try Scratch()
        let descriptor = try LocalLogFiles().openToAppend(scratch.file("output"))
        defer { close(descriptor) }
        var output = LineOutput(descriptor)
        let lines = (0..<20_000).map { "line \($0)" }
        for line in lines { output.write(line: Array(line.utf8)[...]) }
        output.write("end")
        try output.flush()
        #expect(scratch.text("output") == lines.map { $0 + "\n" }.joined() + "end")
    }

    @Test("a full disk is an error with its reason, and nothing further is gathered")
    func full() throws {
        let descriptor = open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var output = LineOutput(descriptor)
        output.write(line: Array("line".utf8)[...])
        #expect(output.failure == nil)
        #expect(throws: LogFileError(code: ENOSPC)) { try output.flush() }
        output.write(line: Array("line".utf8)[...])
        #expect(output.failure == LogFileError(code: ENOSPC))
        #expect(throws: LogFileError(code: ENOSPC)) { try output.flush() }
    }
}
