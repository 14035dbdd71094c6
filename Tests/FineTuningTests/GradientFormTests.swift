import Tensors
import Testing

@testable import FineTuning

@Suite struct GradientFormTests {
  @Test func theSmallerFormIsChosen() {
    // 4 · 576 · 576 bytes against 2 · T · 1152: the same at T = 576.
    #expect(
      GradientForm.smaller(rows: 576, columns: 576, tokens: 577, storage: .bfloat16) == .dense)
    #expect(
      GradientForm.smaller(rows: 576, columns: 576, tokens: 576, storage: .bfloat16) == .factors)
    #expect(
      GradientForm.smaller(rows: 4_096, columns: 14_336, tokens: 2_048, storage: .bfloat16)
        == .factors)
    #expect(
      GradientForm.factors.byteCount(rows: 3, columns: 5, tokens: 7, storage: .bfloat16, rank: 8)
        == 112)
    #expect(
      GradientForm.dense.byteCount(rows: 3, columns: 5, tokens: 7, storage: .bfloat16, rank: 8)
        == 60)
  }
}
