import Settings

extension Generation {
    /// What differs from an earlier generation, a line each, in the order of the configuration; empty when nothing does.
    func changes(since old: Generation) -> [String] {
        let new = assembly.settings
        let before = old.assembly.settings
        var lines: [String] = []
        lines += Self.difference(
            "listen", new.listeners.map { ("\($0.address)", $0) },
            before.listeners.map { ("\($0.address)", $0) })
        lines += Self.difference(
            "upstreams", new.upstreams.map { ($0.name, $0) }, before.upstreams.map { ($0.name, $0) })
        lines += new.models.compactMap { model in
            guard let earlier = old.assembly.model(model.name) else { return "models.\(model.name): added" }
            return assembly.model(model.name) === earlier ? nil : "models.\(model.name): loaded anew"
        }
        lines += before.models.filter { assembly.model($0.name) == nil }.map { "models.\($0.name): removed" }
        lines += Self.difference(
            "routes", new.routes.map { ($0.name, $0) }, before.routes.map { ($0.name, $0) })
        lines += Self.difference(
            "policies", new.policies.map { ($0.name, $0) }, before.policies.map { ($0.name, $0) })
        lines += Self.difference("rates", new.rates.map { ($0.name, $0) }, before.rates.map { ($0.name, $0) })
        lines += Self.changedSections(new, before)
        lines += contents.keys.sorted().compactMap { place in
            guard let earlier = old.contents[place], new.files[place] == before.files[place] else {
                return nil
            }
            return earlier == contents[place] ? nil : "\(place): has new content"
        }
        if new.daemon != before.daemon {
            lines.append("daemon: changed, which takes effect with the next start alone")
        }
        return lines
    }

    private static func changedSections(_ new: GatewaySettings, _ old: GatewaySettings) -> [String] {
        let sections: [(String, Bool)] = [
            ("limits", new.limits != old.limits), ("identity", new.identity != old.identity),
            ("forwarded", new.forwarded != old.forwarded), ("compress", new.compress != old.compress),
            ("scoring", new.scoring != old.scoring),
            ("secrets", new.secrets != old.secrets), ("withheld", new.withheld != old.withheld),
            ("tracing", new.tracing != old.tracing), ("logs", new.logs != old.logs),
            ("admin", new.admin != old.admin), ("shutdown", new.shutdown != old.shutdown),
        ]
        return sections.filter(\.1).map { "\($0.0): changed" }
    }

    private static func difference<Value: Equatable>(
        _ section: String, _ new: [(name: String, value: Value)], _ old: [(name: String, value: Value)]
    ) -> [String] {
        let added = new.filter { item in !old.contains { $0.name == item.name } }
        let removed = old.filter { item in !new.contains { $0.name == item.name } }
        let changed = new.filter { item in old.contains { $0.name == item.name && $0.value != item.value } }
        return added.map { "\(section).\($0.name): added" } + changed.map { "\(section).\($0.name): changed" }
            + removed.map { "\(section).\($0.name): removed" }
    }
}
