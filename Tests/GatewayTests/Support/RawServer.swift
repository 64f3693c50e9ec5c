import Foundation
import Glibc

/// One end of a blocking connection, for what no well-behaved peer does.
final class RawConnection: Sendable {
    let descriptor: Int32

    init(owning descriptor: Int32) { self.descriptor = descriptor }

    /// A connection to a port of this machine.
    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = RawServer.loopback(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Reads a head and, by its Content-Length, a body; nil at the end of the stream.
    @discardableResult
    func readRequest() -> String? {
        var text = ""
        while !text.hasSuffix("\r\n\r\n") {
            guard let byte = readByte() else { return nil }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        let line = text.lowercased().components(separatedBy: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = line.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
        for _ in 0..<length {
            guard let byte = readByte() else { return nil }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        return text
    }

    /// The next line, without its end.
    func line() -> String {
        var text = ""
        while let byte = readByte(), byte != UInt8(ascii: "\n") {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        return text.trimmingCharacters(in: .newlines)
    }

    /// The lines up to the next empty one, in lower case.
    func fieldLines() -> [String] {
        var lines: [String] = []
        while true {
            let line = line()
            if line.isEmpty { return lines }
            lines.append(line.lowercased())
        }
    }

    func readByte() -> UInt8? {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 1 ? byte : nil
    }

    func close() { _ = Glibc.close(descriptor) }
}

/// A server of closures on loopback: each connection is served by one on a thread of its own, then closed.
final class RawServer: Sendable {
    let port: UInt16
    private let listener: Int32

    init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { @Sendable [listener] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                Thread.detachNewThread { @Sendable in
                    let connection = RawConnection(owning: descriptor)
                    serve(connection)
                    connection.close()
                }
            }
            close(listener)
        }
    }

    /// Ends the listening. The accepting thread closes the socket: closed here, its number might already be another's.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
