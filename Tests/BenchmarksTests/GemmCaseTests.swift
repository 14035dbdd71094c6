import Tensors
import Testing

@testable import scion_bench

@Suite struct GemmCaseTests {
  @Test func aRightProductPassesAndAWrongOneDoesNot() throws {
    // float32: other tests may change the tier meanwhile, and all tiers agree to the same digits there.
    let gemm = try GemmCase(GemmShape(64, 96), .q4_1, storage: .float32, arithmetic: .activations)
    for direction in GemmDirection.allCases {
      // Nothing has been computed yet: zeros are wrong.
      #expect(throws: BenchmarkError.self) { try gemm.check(direction, tokens: 64) }
      gemm.run(direction, tokens: 64)
      try gemm.check(direction, tokens: 64)
      // The rows beyond are still zero.
      #expect(throws: BenchmarkError.self) { try gemm.check(direction, tokens: 512) }
    }
  }

  @Test func anInt8ProductIsHeldToItsOwnTolerance() throws {
    let gemm = try GemmCase(GemmShape(64, 96), .q4_1, storage: .float32, arithmetic: .int8)
    #expect(throws: BenchmarkError.self) { try gemm.check(.forward, tokens: 64) }
    gemm.run(.forward, tokens: 64)
    try gemm.check(.forward, tokens: 64)
  }

  @Test func operationsAreTwoAMultiplyAdd() throws {
    let gemm = try GemmCase(GemmShape(64, 96), .q8_0, storage: .bfloat16, arithmetic: .activations)
    #expect(gemm.operations(tokens: 10) == 2 * 10 * 64 * 96)
  }
}
