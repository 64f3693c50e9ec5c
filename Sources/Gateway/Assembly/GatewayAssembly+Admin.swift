import Foundation
import Settings

extension GatewayAssembly {
    /// The token of the side door without the line's end; nil where there is no file for it.
    static func readToken(_ admin: AdminSettings?, _ problems: inout [AssemblyProblem]) -> [UInt8]? {
        guard let file = admin?.tokenFile else { return nil }
        let path = "admin.token_file"
        do {
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            let token = Array(bytes.reversed().drop { $0 == 0x0A || $0 == 0x0D }.reversed())
            guard AdminSettings.tokenBytes.contains(token.count),
                token.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                let message = "\(file) must hold one line of visible ASCII, 16 characters or more"
                problems.append(AssemblyProblem(path: path, message: message))
                return nil
            }
            return token
        } catch {
            problems.append(AssemblyProblem(path: path, message: "\(file) cannot be read: \(error)"))
            return nil
        }
    }
}
