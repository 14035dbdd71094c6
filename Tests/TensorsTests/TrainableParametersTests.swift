import Foundation
import Testing

@testable import Tensors

@Suite struct TrainableParametersTests {
  private func parameters(
    _ precision: ParameterPrecision, isRead type: ElementType, _ values: [Float]
  ) throws -> (TrainableParameters, Arena) {
    let bytes = TrainableParameters.byteCount(
      rows: 1, columns: values.count, precision: precision, isRead: type)
    let arena = try Arena("parameters", byteCount: bytes)
    let made = TrainableParameters(
      rows: 1, columns: values.count, precision: precision, isRead: type, in: arena)
    #expect(arena.used == bytes)
    made.assign(values)
    return (made, arena)
  }

  @Test(arguments: ParameterPrecision.allCases, [ElementType.bfloat16, .float32])
  func everyPrecisionGivesBackWhatItHolds(
    _ precision: ParameterPrecision, _ type: ElementType
  ) throws {
    let values = (0..<96).map { Float($0) * 0.0123 - 0.7 }
    let (made, arena) = try parameters(precision, isRead: type, values)
    let rounded = values.map { BFloat16($0).float }
    let expected = precision == .bfloat16 ? rounded : values
    #expect(made.array() == expected)
    #expect(made.roundedArray() == rounded)
    #expect(made.slice(32, rows: 4, columns: 8).array() == Array(expected[32..<64]))
    let target = try Arena("target", byteCount: 4 * 96).allocate(
      rows: 1, columns: 96, type: .float32)
    made.copy(into: target)
    #expect(target.array() == expected)
    let perParameter = arena.used / 96
    switch (precision, type) {
    case (.splitFloat32, _), (.float32, .float32): #expect(perParameter == 4)
    case (.float32, .bfloat16): #expect(perParameter == 6)
    case (.bfloat16, _): #expect(perParameter == 2)
    }
  }
}
