// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: Swift 6 language mode, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// The rooms whose classes are confined to a loop's queue. At run time each access to a property of theirs would be checked
/// for overlapping with another, which was a sixth of the user instructions of a proxied request (Scripts/bench-proxy --instructions); the
/// compiler's own checks stay, and debug builds, in which every test runs, keep those at run time too.
let loopConfined: [SwiftSetting] =
    strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// Whether AVX-512 is imitated lane by lane, so that its kernels' tests run on any processor: for `Scripts/test-imitated` alone.
let imitates = Context.environment["SAMEGATE_IMITATE"] == "avx512"

/// C kernels are optimised in debug builds too: training and scoring tests would crawl at -O0.
let kernelFlags: [CSetting] = [
    // The last two take back what the package manager asks for after them: a register for the frame pointer, without which the
    // widest tiles spill and take a fifth longer.
    .unsafeFlags([
        "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror",
        "-Xclang", "-mframe-pointer=none",
    ])
] + (imitates ? [.define("SG_IMITATED")] : [])

let package = Package(
    name: "samegate",
    products: [.executable(name: "samegate", targets: ["samegate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // MARK: C and system libraries
        .target(name: "CKernels", cSettings: kernelFlags),
        .target(name: "CPosix", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),

        // MARK: Numbers
        .target(name: "Tensor", dependencies: ["CKernels"], swiftSettings: strict),
        .target(name: "Neural", dependencies: ["Tensor"], swiftSettings: strict),
        .target(name: "SAME", dependencies: ["Neural", "Tensor", "Digest"], swiftSettings: strict),
        .target(
            name: "Engine", dependencies: ["SAME", "Neural", "Tensor", "CKernels"], swiftSettings: strict),
        .target(
            name: "Learning",
            dependencies: [
                "SAME", "Neural", "Tensor", "Engine", "Query", "Imaging", "Digest", "CZlib", "Client",
                "HTTPWire", "Secure",
                "Transport",
            ],
            swiftSettings: strict),

        // MARK: Bytes
        .target(name: "Coding", dependencies: ["CZlib"], swiftSettings: strict),
        .target(name: "Digest", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Imaging", dependencies: ["CPNG", "CJPEG"], swiftSettings: strict),
        .target(name: "Query", dependencies: ["Tensor", "Digest"], swiftSettings: strict),
        .target(name: "Buffers", swiftSettings: loopConfined),
        .target(name: "HTTPWire", dependencies: ["Buffers"], swiftSettings: loopConfined),
        .executableTarget(name: "wirefuzz", dependencies: ["HTTPWire"], swiftSettings: strict),
        .target(name: "Transport", dependencies: ["Buffers", "CPosix"], swiftSettings: loopConfined),
        .target(name: "Secure", dependencies: ["COpenSSL", "Digest", "Transport"], swiftSettings: strict),

        // MARK: Decisions
        .target(name: "Policy", dependencies: ["Digest", "Store"], swiftSettings: strict),
        .target(name: "Store", swiftSettings: strict),
        .target(name: "Identity", dependencies: ["Digest", "COpenSSL"], swiftSettings: strict),
        .target(name: "Metrics", swiftSettings: loopConfined),
        .target(
            name: "Observe",
            dependencies: ["Buffers", "Coding", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(name: "Settings", dependencies: ["HTTPWire", "Yams"], swiftSettings: strict),

        .target(name: "Service", dependencies: ["CPosix", "Transport"], swiftSettings: strict),

        .target(name: "Client", dependencies: ["CPosix", "HTTPWire", "Transport"], swiftSettings: strict),

        // MARK: The daemon and the program
        .target(
            name: "Proxy", dependencies: ["Buffers", "HTTPWire", "Transport"], swiftSettings: loopConfined),
        .target(
            name: "Gateway",
            dependencies: [
                "Buffers", "Proxy", "HTTPWire", "Transport", "Query", "Policy", "Store", "Observe",
                "Settings",
                "SAME",
                "Engine", "Metrics", "Identity", "Secure", "Service", "Tensor", "Digest", "Coding",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "RedTeam",
            dependencies: [
                "SAME", "Learning", "Neural", "Tensor", "Engine", "Query", "Policy", "Imaging", "Client",
                "HTTPWire", "Digest",
                "Transport",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "samegate",
            dependencies: [
                "Gateway", "Learning", "RedTeam", "Engine", "Observe", "Settings", "SAME", "Neural", "Tensor",
                "Query",
                "Policy", "Proxy", "HTTPWire", "Transport", "Imaging", "Digest", "Client", "Store",
                "Identity", "Service",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
    ]
)

/// What the tests of several rooms use.
package.targets.append(.target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict))

/// One test target per room, named after it.
let rooms = [
    "Tensor", "Neural", "SAME", "Engine", "Learning", "Digest", "Imaging", "Query", "HTTPWire", "Transport",
    "Policy", "Store", "Observe", "Settings", "Proxy", "Gateway", "RedTeam", "Client", "Identity", "Metrics",
    "Secure", "Coding", "Service", "Buffers",
]
package.targets += rooms.map { room in
    let target = package.targets.first { $0.name == room }!
    return .testTarget(
        name: "\(room)Tests",
        dependencies: [.target(name: room), "TestSupport"] + target.dependencies
            + (room == "Gateway" ? ["Client"] : [])
            + (room == "Secure" ? ["Proxy", "HTTPWire", "Client"] : [])
            + (room == "RedTeam"
                ? [
                    "Gateway", "Settings", "Proxy", "Observe",
                    .product(name: "Logging", package: "swift-log"),
                ] : []),
        resources: [.copy("Fixtures")], swiftSettings: strict)
}

/// Reads the sources as text: module map, lengths, doc comments. It depends on no room, so that it runs when none builds.
package.targets.append(.testTarget(name: "TidyTests", swiftSettings: strict))
