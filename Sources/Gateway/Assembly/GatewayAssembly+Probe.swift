import Dispatch
import Foundation
import Glibc
import Proxy
import Service
import Settings
import Synchronization
import Transport

/// What a try of one place that the configuration names came to.
package struct PlaceProbe: Sendable, Equatable {
    /// Where in the configuration.
    package let path: String
    /// The address, and for whom it is.
    package let place: String
    /// What was found, in words.
    package let finding: String
    /// Whether the gateway can work with it.
    package let works: Bool
}

extension GatewayAssembly {
    /// Tries every server of every upstream and every listener's address, each within `timeout`, and every file to be written, and
    /// returns what was found in the order of the configuration. Nothing is left open. **Throws** when no loop can be had.
    /// **Runs on** any thread but a loop's; it blocks.
    package func probe(timeout: Duration) throws(TransportError) -> [PlaceProbe] {
        let loops = try LoopGroup(count: 1)
        defer {
            let ended = DispatchSemaphore(value: 0)
            loops.shutdown { @Sendable in ended.signal() }
            ended.wait()
        }
        return probeUpstreams(on: loops.loops[0], timeout) + probeListeners() + probeLogs()
            + probePIDFile()
    }

    /// A log works when the user who will write it may; nothing is made to find out.
    private func probeLogs() -> [PlaceProbe] {
        let account = settings.daemon.user.flatMap {
            try? Privileges(user: $0, group: settings.daemon.group)
        }
        let another = account.flatMap { $0.isAnother ? $0 : nil }
        let logs = [("decisions", settings.logs.decisions), ("access", settings.logs.access)]
        return logs.compactMap { name, log in
            guard let path = log?.path else { return nil }
            if let another { return Self.probe(log: path, at: "logs.\(name)", of: another) }
            var place = path
            while place != "/", access(place, F_OK) != 0 {
                place = URL(fileURLWithPath: place).deletingLastPathComponent().path
            }
            let works = access(place, place == path ? W_OK : W_OK | X_OK) == 0
            return PlaceProbe(
                path: "logs.\(name)", place: path,
                finding: works ? "can be written" : "this user may not write \(place)", works: works)
        }
    }

    /// What root makes of a log before it goes on as `account`, and what that may do with it.
    private static func probe(log path: String, at key: String, of account: Privileges) -> PlaceProbe {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        func found(_ place: String, _ finding: String, works: Bool) -> PlaceProbe {
            PlaceProbe(path: key, place: place, finding: finding, works: works)
        }
        switch account.mayMakeFiles(in: folder) {
        case .missing: return found(folder, "is made for \(account.user) at the start", works: true)
        case .denied:
            let error = ServiceError.unwritable(directory: folder, user: account.user)
            return found(folder, "\(error)", works: false)
        case .unknown:
            return found(folder, "only root can tell whether \(account.user) may write here", works: false)
        case .granted: break
        }
        guard account.mayWrite(path) == .denied else {
            return found(folder, "can be written by \(account.user)", works: true)
        }
        return found(path, "\(account.user) may not write this file", works: false)
    }

    private func probeUpstreams(on loop: EventLoop, _ timeout: Duration) -> [PlaceProbe] {
        settings.upstreams.flatMap { upstream -> [PlaceProbe] in
            guard let runs = upstreams[upstream.name] else { return [] }
            let found = Mutex<[ServerProbe]>([])
            let done = DispatchSemaphore(value: 0)
            runs.probe(on: loop, timeout: timeout) { probes in
                found.withLock { $0 = probes }
                done.signal()
            }
            done.wait()
            return found.withLock { $0 }.map { PlaceProbe($0, of: upstream) }
        }
    }

    /// A listener works when its address can be bound, or somebody listens there already: this gateway, as a rule, whose
    /// configuration is being checked before a reload.
    private func probeListeners() -> [PlaceProbe] {
        var probes = settings.listeners.enumerated().map { index, listener in
            Self.probe(listener.address, at: "listen[\(index)].address", hasOwner: listener.socket != nil)
        }
        if let address = settings.admin?.address {
            probes.append(Self.probe(address, at: "admin.address", hasOwner: false))
        }
        if let path = settings.admin?.socket {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            let works = access(folder, W_OK | X_OK) == 0
            let finding =
                works ? "can be made" : "this user may make no file in \(folder), or it is not there"
            probes.append(PlaceProbe(path: "admin.socket", place: path, finding: finding, works: works))
        }
        return probes
    }

    private static func probe(
        _ address: Settings.SocketAddress, at path: String, hasOwner: Bool
    ) -> PlaceProbe {
        func found(_ finding: String, works: Bool) -> PlaceProbe {
            PlaceProbe(path: path, place: "\(address)", finding: finding, works: works)
        }
        if hasOwner { return found("is opened by the service manager", works: true) }
        do throws(TransportError) {
            guard let parsed = try Endpoint(parsing: "\(address)").address else {
                return found("is no address", works: false)
            }
            try Listener(binding: parsed).close()
            return found("is free", works: true)
        } catch {
            if error.isAddressInUse {
                return found("is listened at already; a reload of that process keeps it", works: true)
            }
            return found("\(error)", works: false)
        }
    }
}

extension PlaceProbe {
    init(_ probe: ServerProbe, of upstream: Settings.UpstreamSettings) {
        let named = probe.address == probe.server || probe.address == nil
        let place = named ? probe.server : "\(probe.server) (\(probe.address ?? ""))"
        let good =
            upstream.health.map { "answers GET \($0.path) as it should" } ?? "takes connections"
        let certificate =
            switch (upstream.url.isSecure, upstream.tls?.isVerified ?? true) {
            case (false, _): ""
            case (true, true): ", and its certificate is good"
            case (true, false): "; its certificate is not looked at (verify: false)"
            }
        self.init(
            path: "upstreams.\(upstream.name)", place: place, finding: probe.problem ?? good + certificate,
            works: probe.problem == nil)
    }
}
