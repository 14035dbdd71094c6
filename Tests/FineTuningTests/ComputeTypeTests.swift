import Tensors
import Testing

@testable import FineTuning

@Suite struct ComputeTypeTests {
  @Test func int8RoundsProductsAndStoresActivationsAsBf16Does() {
    #expect(ComputeType.int8.arithmetic == .int8)
    #expect(ComputeType.int8.storage == .bfloat16)
  }

  @Test func nothingElseIsComputedInInt8() {
    for type in ComputeType.allCases where type != .int8 {
      #expect(type.arithmetic == .activations)
    }
    #expect(ComputeType.auto.storage == .bfloat16)
  }

  @Test func autoIsSettledByTheTierAndNothingElseIs() {
    #expect(ComputeType.auto.settled == (Processor.trainsFasterInInt8 ? .int8 : .bf16))
    for type in ComputeType.allCases where type != .auto { #expect(type.settled == type) }
    #expect(FineTuneRecipe().computeType == ComputeType.auto.settled)
  }

  @Test func aRecipeMayNameEveryType() throws {
    for type in ComputeType.allCases {
      var recipe = FineTuneRecipe()
      recipe.compute = type.rawValue
      try recipe.validate()
      #expect(recipe.computeType == type.settled)
    }
  }
}
