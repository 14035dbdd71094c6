import Testing

@testable import Tensors

@Suite struct ProcessorTests {
  @Test func theTierInUseIsAvailableAndCanBeSet() {
    #expect(Processor.available.first == .scalar)
    #expect(Processor.available.contains(Processor.instructionSet))
    Compute.with(isa: Compute.scalar) {
      #expect(Processor.instructionSet == .scalar)
      for set in Processor.available {
        Processor.instructionSet = set
        #expect(Processor.instructionSet == set)
      }
      Processor.threads = 3
      #expect(Processor.threads == 3)
    }
  }

  @Test func tiersBuildOnEachOther() {
    let families: [[Processor.InstructionSet]] = [
      [.scalar, .avx2, .avx512, .avx512BFloat16], [.scalar, .neon, .neonBFloat16],
    ]
    for tiers in families {
      for (lower, higher) in zip(tiers, tiers.dropFirst()) where higher.isAvailable {
        #expect(lower.isAvailable)
      }
    }
  }

  @Test func namesAreThoseOfTheEnvironmentVariable() {
    #expect(
      Processor.InstructionSet.allCases.map(\.name) == [
        "scalar", "avx2", "avx2vnni", "avx512", "avx512bf16", "neon", "neonbf16",
      ])
  }
}
