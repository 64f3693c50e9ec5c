import Foundation
import Testing

@testable import RedTeam

@Suite("Shapiro–Wilk")
struct ShapiroWilkTests {
    /// Each sample with SciPy 1.17's `scipy.stats.shapiro` of it.
    static let small: [(Double, [Double])] = [
        (0.9720130775205333, [2.040919, -2.555665, 0.418099]),
        (0.8879612970296048, [0.653591, 0.574611, 0.589805]),
        (0.8392910868552081, [-0.26962, -0.243559, 1.002314, -0.88646, -0.29172]),
        (0.80835440898301, [1.091531, 0.800981, 0.078028, 0.153444, 0.128401]),
        (0.8222785508945254, [1.24155, 0.739888, 0.472199, 2.6533, 0.307898, 0.341733, 0.450215, 1.549054]),
        (
            0.9145628772504304,
            [
                0.547229, 0.562468, 0.666377, 0.323912, 0.669435, 0.615008, 0.785911, 0.480225, 0.027009,
                0.536922,
                0.857688,
            ]
        ),
        (
            0.8724208738096444,
            [
                0.208372, -1.010582, -0.788109, -0.05747, 2.295779, -0.178264, 0.127476, 0.514045, -0.040126,
                2.280661, -0.531525, 0.744203,
            ]
        ),
        // Shapiro and Wilk's own example of 1965: the weights of eleven men in pounds.
        (0.7888146948631716, [148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236]),
    ]

    @Test("W equals SciPy's on small samples", arguments: small.indices)
    func smallSamples(index: Int) throws {
        let (wanted, sample) = Self.small[index]
        #expect(abs(try #require(ShapiroWilk.statistic(sample)) - wanted) < 1e-6)
        #expect(abs(try #require(ShapiroWilk.statistic(sample.reversed())) - wanted) < 1e-6)
    }

    /// Samples that both sides can make: u = i·0.6180339887498949 mod 1, and its square.
    static let large: [(Int, Double, Double)] = [
        (25, 0.9544735685607094, 0.8974194244372178), (50, 0.9550609185038201, 0.8905788356275044),
        (200, 0.9543504698584281, 0.8940254391363247), (1000, 0.9549017536618246, 0.8951514078241718),
        (5000, 0.954917972264323, 0.8952186853217102),
    ]

    @Test("W equals SciPy's on large samples, uniform and squared", arguments: large)
    func largeSamples(count: Int, uniform: Double, squared: Double) throws {
        let values = (0..<count).map { (Double($0) * 0.6180339887498949).truncatingRemainder(dividingBy: 1) }
        #expect(abs(try #require(ShapiroWilk.statistic(values)) - uniform) < 1e-6)
        #expect(abs(try #require(ShapiroWilk.statistic(values.map { $0 * $0 })) - squared) < 1e-6)
    }

    @Test("W does not depend on scale or place; too few, equal or infinite values have none")
    func invariance() throws {
        let sample = Self.small[4].1
        let moved = try #require(ShapiroWilk.statistic(sample.map { 1000 - 7 * $0 }))
        #expect(abs(moved - Self.small[4].0) < 1e-6)
        #expect(ShapiroWilk.statistic([1, 2]) == nil)
        #expect(ShapiroWilk.statistic([2, 2, 2, 2]) == nil)
        #expect(ShapiroWilk.statistic([1, .infinity, 3]) == nil)
    }

    @Test(
        "normal quantiles are the published ones",
        arguments: [
            (0.5, 0), (0.975, 1.959963984540054), (0.001, -3.090232306167813), (1e-9, -5.997807015007687),
        ])
    func quantiles(share: Double, wanted: Double) {
        #expect(abs(ShapiroWilk.normalQuantile(share) - wanted) < 1e-9)
    }
}
