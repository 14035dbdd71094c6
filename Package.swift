// swift-tools-version: 6.2
import PackageDescription

/// Strict everywhere: Swift 6 concurrency, every use of an unsafe construct marked, no warnings.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "scion",
  products: [
    .executable(name: "scion", targets: ["scion"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    // What Hummingbird is made of, where its own words do not reach: sockets, their errors, silence, an orderly end.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.10.0"),
  ],
  targets: [
    // C: kernels (OpenMP) and the system libraries behind module maps.
    .target(
      name: "CKernels",
      path: "CSupport/CKernels",
      cSettings: [
        // -fopenmp only when compiling: Debian's library is linked by name (libomp5).
        .unsafeFlags([
          "-O3", "-fopenmp", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-math-errno",
        ])
      ],
      linkerSettings: [.linkedLibrary("omp5"), .linkedLibrary("m")]
    ),
    .systemLibrary(
      name: "CLAPACK", path: "CSupport/CLAPACK",
      providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]
    ),
    .systemLibrary(name: "CCrypto", path: "CSupport/CCrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CCompression", path: "CSupport/CCompression",
      providers: [.apt(["zlib1g-dev", "libzstd-dev"])]
    ),

    // Swift, from the bottom up. Arrows point down only. Each target names every target that it imports:
    // the Makefile's builds refuse an upward import, make test any other that is not named.
    .target(
      name: "Tensors", dependencies: ["CKernels", "CLAPACK", "CCrypto", "CCompression"],
      swiftSettings: strict),
    .target(name: "ModelFiles", dependencies: ["Tensors"], swiftSettings: strict),
    .target(name: "Tokenization", dependencies: ["ModelFiles"], swiftSettings: strict),
    .target(name: "Transformer", dependencies: ["ModelFiles", "Tensors"], swiftSettings: strict),
    .target(
      name: "Inference", dependencies: ["Tokenization", "Transformer", "ModelFiles", "Tensors"],
      swiftSettings: strict),
    .target(
      name: "FineTuning",
      dependencies: [
        "Inference", "Tokenization", "Transformer", "ModelFiles", "Tensors",
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict
    ),
    // HTTP: alone sees Hummingbird and SwiftNIO, and nothing of the model.
    .target(
      name: "Serving",
      dependencies: [
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict
    ),
    .executableTarget(
      name: "scion",
      dependencies: [
        "Serving", "FineTuning", "Inference", "Tokenization", "Transformer", "ModelFiles",
        "Tensors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict
    ),
    // Figures of speed and memory, each with the machine's peak of the same run.
    .executableTarget(
      name: "scion-bench",
      dependencies: [
        "FineTuning", "Inference", "Transformer", "ModelFiles", "Tensors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/Program",
      swiftSettings: strict
    ),

    // Tests: one target per library target.
    .target(
      name: "TestSupport", dependencies: ["Inference", "Transformer", "ModelFiles", "Tensors"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors", "CKernels", "TestSupport"]),
    .testTarget(name: "ModelFilesTests", dependencies: ["ModelFiles", "Tensors", "TestSupport"]),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "ModelFiles", "TestSupport"]),
    .testTarget(
      name: "TransformerTests",
      dependencies: ["Transformer", "ModelFiles", "Tensors", "TestSupport"]),
    .testTarget(
      name: "InferenceTests",
      dependencies: [
        "Inference", "Tokenization", "Transformer", "ModelFiles", "Tensors", "TestSupport",
      ]),
    .testTarget(
      name: "FineTuningTests",
      dependencies: [
        "FineTuning", "Inference", "Tokenization", "Transformer", "ModelFiles", "Tensors",
        "TestSupport",
      ]),
    .testTarget(name: "ServingTests", dependencies: ["Serving", "TestSupport"]),
    .testTarget(
      name: "scionTests",
      dependencies: [
        "scion", "FineTuning", "Inference", "Transformer", "ModelFiles", "Tensors", "TestSupport",
      ]),
    .testTarget(
      name: "BenchmarksTests", dependencies: ["scion-bench", "Tensors", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
