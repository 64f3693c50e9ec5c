import Foundation
import Learning
import TestSupport
import Testing

@Suite("Journals of answers")
struct AnswerJournalTests {
    private let digest = "d"

    private func journal(_ folder: ScratchFolder, victim: String = "v") throws -> AnswerJournal {
        try AnswerJournal(folder.file("j"), imagesDigest: digest, victim: victim)
    }

    @Test(
        "an address in another spelling is of the same victim (RFC 3986 §6.2)",
        arguments: [
            ("http://host/x", "http://HOST:80/x"), ("http://HOST.:80/x", "HTTP://host/x"),
            ("https://host:443", "https://Host./"), ("http://[::1]:80/x?a=B", "http://[::1]/x?a=B"),
            ("http://host:8501/x", "http://host.:8501/x#part"),
        ])
    func spellings(first: String, second: String) throws {
        let folder = try ScratchFolder()
        var begun = try journal(folder, victim: first)
        try begun.append(rows: [3], answers: [[0.25, 0.75]])
        #expect(try journal(folder, victim: second).answers == [3: [0.25, 0.75]])
        #expect(try VictimURL(first).canonical == VictimURL(second).canonical)
    }

    @Test(
        "addresses that may be of another victim are told apart",
        arguments: [
            "http://host/X", "https://host/x", "http://host:8080/x", "http://hos/x", "http://host/x?",
        ])
    func otherAddresses(other: String) throws {
        #expect(try VictimURL("http://host/x").canonical != VictimURL(other).canonical)
    }

    @Test("a journal of earlier programs, whose address is as it was given, is gone on with")
    func earlierSpelling() throws {
        let folder = try ScratchFolder()
        let head = #"{"asked":"","images":"\#(digest)","victim":"http://HOST.:80"}"#
        try folder.write(Array((head + "\n" + #"{"row":1,"answer":[1,0]}"# + "\n").utf8), to: "j")
        #expect(try journal(folder, victim: "http://host/").answers == [1: [1, 0]])
    }

    @Test("answers of another victim, or to other images, are refused and stay as they are")
    func otherJournal() throws {
        let folder = try ScratchFolder()
        var first = try journal(folder, victim: "http://one/x")
        try first.append(rows: [3], answers: [[0.25, 0.75]])
        let (kept, earlier) = (try folder.bytes("j"), Array("paid for".utf8))
        try folder.write(earlier, to: "j.before")
        let error = #expect(throws: AnswerJournalError.self) { try journal(folder, victim: "http://two/x") }
        let text = error?.description ?? ""
        for word in ["http://one/x", "http://two/x", folder.file("j"), "--checkpoint", "remove"] {
            #expect(text.contains(word), "\(text)")
        }
        #expect(throws: AnswerJournalError.otherImages(path: folder.file("j"))) {
            try AnswerJournal(folder.file("j"), imagesDigest: "other", victim: "http://one/x")
        }
        #expect(try folder.bytes("j") == kept && folder.bytes("j.before") == earlier)
        #expect(try journal(folder, victim: "http://one/x").answers == [3: [0.25, 0.75]])
    }

    @Test("a journal that holds no answer is begun anew, whomever it is of; one that cannot be read is not")
    func emptyJournal() throws {
        let folder = try ScratchFolder()
        _ = try journal(folder, victim: "http://one/x")
        var second = try journal(folder, victim: "http://two/x")
        try second.append(rows: [3], answers: [[0.25, 0.75]])
        #expect(try journal(folder, victim: "http://two/x").answers.count == 1)
        let strange = Array("{}\n{}\n".utf8)
        try folder.write(strange, to: "j")
        #expect(throws: AnswerJournalError.unreadable(path: folder.file("j"))) { try journal(folder) }
        #expect(try folder.bytes("j") == strange)
    }

    @Test("answers that were asked for in another way, or nobody knows how, are refused")
    func otherConventions() throws {
        let folder = try ScratchFolder()
        func journal(_ asked: String) throws -> AnswerJournal {
            try AnswerJournal(folder.file("j"), imagesDigest: "d", victim: "v", asked: asked)
        }
        var first = try journal("hwc")
        try first.append(rows: [3], answers: [[0.25, 0.75]])
        #expect(try journal("hwc").answers.count == 1)
        let error = #expect(throws: AnswerJournalError.self) { try journal("chw") }
        #expect(error?.description.contains("hwc") == true && error?.description.contains("chw") == true)
        try folder.write(
            Array(#"{"images":"d","victim":"v"}"#.utf8) + [0x0A] + Array(#"{"row":1,"answer":[1,0]}"#.utf8)
                + [0x0A], to: "j")
        #expect(throws: AnswerJournalError.askedOtherwise(path: folder.file("j"), found: nil, wanted: "hwc"))
        {
            try journal("hwc")
        }
    }
}
