import Tensors
import Testing

@testable import scion_bench

@Suite struct RandomWeightsTests {
  @Test(arguments: BlockFormat.allCases)
  func everyFormatHasUsualValues(_ format: BlockFormat) throws {
    let weight = try RandomWeights.make(format, rows: 8, columns: 512)
    #expect(weight.format == format && weight.rows == 8 && weight.columns == 512)
    let values = Codec.decode(weight, rows: 0..<8)
    #expect(values.allSatisfy { $0.isFinite && abs($0) < 4.5 })
    let meanSquare = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(values.count)
    #expect(meanSquare > 1e-4)
  }
}
