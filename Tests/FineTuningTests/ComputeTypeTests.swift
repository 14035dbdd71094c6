import Tensors
import Testing

@testable import FineTuning

@Suite struct ComputeTypeTests {
  @Test func int8RoundsProductsAndStoresActivationsInTheFastType() {
    #expect(ComputeType.int8.arithmetic == .int8)
    let fast: ElementType =
      Processor.instructionSet.hasBFloat16Product ? .bfloat16 : .float32
    #expect(ComputeType.int8.storage == fast)
  }

  @Test func nothingElseIsComputedInInt8() {
    for type in ComputeType.allCases where type != .int8 {
      #expect(type.arithmetic == .activations)
    }
    #expect(ComputeType.auto.storage == .bfloat16)
  }

  @Test func aRecipeMayNameEveryType() throws {
    for type in ComputeType.allCases {
      var recipe = FineTuneRecipe()
      recipe.compute = type.rawValue
      try recipe.validate()
      #expect(recipe.computeType == type)
    }
  }
}
