import CKernels
import Testing

@testable import Tensors

/// What is counted, not how fast it is: no timing decides a test.
@Suite struct MachinePeakTests {
  @Test func everyTierHasAFloat32Peak() {
    for isa in Compute.available {
      Compute.with(isa: isa, threads: 1) {
        let one = MachinePeak.multiplyAdds(.float32, steps: 1)
        #expect(one > 0)
        #expect(MachinePeak.multiplyAdds(.float32, steps: 1000) == 1000 * one)
      }
    }
  }

  @Test func everyThreadDoesAllSteps() {
    for isa in Compute.available {
      let one = Compute.with(isa: isa, threads: 1) {
        MachinePeak.multiplyAdds(.float32, steps: 100)
      }
      let three = Compute.with(isa: isa, threads: 3) {
        MachinePeak.multiplyAdds(.float32, steps: 100)
      }
      #expect(three == 3 * one)
    }
  }

  @Test func aTierHasABFloat16PeakWhereItsProductsDo() {
    for set in Processor.available where set != .neon {
      Compute.with(isa: set.rawValue) {
        #expect(MachinePeak.Arithmetic.bfloat16.isAvailable == set.hasBFloat16Product)
      }
    }
    Compute.with(isa: Compute.scalar) {
      #expect(MachinePeak.multiplyAdds(.bfloat16, steps: 10) == 0)
    }
  }

  @Test func wholePagesAreRead() throws {
    let arena = try Arena("read", byteCount: 1 << 16)
    let matrix = arena.allocate(rows: 1, columns: 3 * 1024 + 1, type: .float32)
    for isa in Compute.available {
      Compute.with(isa: isa, threads: 2) { #expect(MachinePeak.read(matrix) == 3 * 4096) }
    }
  }
}
