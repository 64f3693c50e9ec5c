import Foundation
import Testing

@testable import Gateway

@Suite("Gateway: descriptors that run short")
struct DescriptorBudgetTests {
    /// By hand: the reserve is an eighth, at least 64 and the `own` 6, at most half; the upstreams get up to half of the rest.
    @Test(
        "clients get what the reserve and the upstreams' share leave",
        arguments: [
            (allowed: 256, connections: 93), (allowed: 1024, connections: 640),
            (allowed: 4096, connections: 3328),
            (allowed: 65_536, connections: 10_000), (allowed: .max, connections: 10_000),
            (allowed: 64, connections: 16), (allowed: 1, connections: 1),
        ])
    func share(allowed: Int, connections: Int) {
        let budget = DescriptorBudget(allowed: allowed, wanted: 10_000, upstreams: 256, own: 6)
        #expect(budget.connections == connections)
        #expect(budget.isShort == (connections < 10_000))
        #expect(budget.needed == 10_326)
    }

    @Test("whatever the limits, clients, refusals, side door and upstreams' share leave half of the reserve")
    func reserve() {
        for allowed in [128, 200, 256, 500, 1024, 5000, 20_000] {
            for upstreams in [0, 10, 256, 100_000] {
                let budget = DescriptorBudget(
                    allowed: allowed, wanted: 1_000_000, upstreams: upstreams, own: 6)
                // As many requests are sent upstream at once as there are clients.
                let asked = min(upstreams, budget.connections)
                let taken = budget.connections + asked + budget.refusals + 2 * budget.sideDoor
                #expect(allowed - taken >= 32, "\(allowed) descriptors, \(upstreams) upstreams")
            }
        }
    }

    @Test("a gateway serves as many clients as its descriptors allow, and its side door besides")
    func gateway() throws {
        let fixture = try GatewayFixture.make()
        #expect(fixture.gateway.generation.proxySettings.limits.connectionsMax == 10_000)
        let short = try Gateway(
            try GatewayAssembly(fixture.settings), log: GatewayFixture.log, descriptorsMax: 300)
        let settings = short.generation.proxySettings
        #expect(short.descriptors.isShort)
        #expect(settings.limits.connectionsMax == short.descriptors.connections)
        #expect(settings.limits.connectionsMax + settings.refusalsMax < 300)
        #expect(short.generation.adminSettings.limits.connectionsMax >= 4)
        _ = try short.reload(fixture.settings)
        #expect(short.generation.proxySettings.limits.connectionsMax == short.descriptors.connections)
        let ended = DispatchSemaphore(value: 0)
        short.drain { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }
}
