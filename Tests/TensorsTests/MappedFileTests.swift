import Foundation
import Testing

@testable import Tensors

@Suite struct MappedFileTests {
  private func withFile(_ bytes: [UInt8], _ body: (MappedFile) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.path + "/scion-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try body(MappedFile(path: path))
  }

  /// Larger than the windows it is hashed in; the digest is Python's hashlib's.
  @Test func hashesAFileInPieces() throws {
    let bytes = (0..<9_000_001).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 251) }
    let digest = "5a17e4a78d2c2f716a922679cb4431c1902a8ba1896f5b614c30e93503310072"
    try withFile(bytes) { #expect($0.sha256() == digest) }
    #expect(try MappedFile(name: "memory", bytes: bytes).sha256() == digest)
  }

  @Test func releasedPagesComeBackUnchanged() throws {
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 4096) }
    try withFile(bytes) { file in
      file.prefetch(5_000..<200_001)
      file.releasePages(1..<299_999)
      #expect(file.bytes(0..<300_000) == bytes)
    }
    let inMemory = try MappedFile(name: "memory", bytes: bytes)
    inMemory.releasePages(0..<300_000)
    #expect(inMemory.bytes(0..<300_000) == bytes)
  }

  @Test func aGradientInAnArenaIsTheOperatorOfItsValues() throws {
    var draws = RandomGenerator(seed: 4)
    let (m, n, width) = (70, 45, 5)
    let values = DenseMatrix<Float>.gaussian(rows: m, columns: n, from: &draws)
    let arena = try Arena("test", byteCount: Arena.size(rows: m, columns: n, type: .float32))
    let matrix = arena.allocate(rows: m, columns: n, type: .float32)
    matrix.assign(values.values)
    let (held, dense) = (ArenaGradientOperator(matrix), DenseGradientOperator(values))
    #expect(abs((held.squaredNorm ?? 0) - values.sumOfSquares) < 1e-3)
    let zt = DenseMatrix<Float>.gaussian(rows: width, columns: n, from: &draws)
    let yt = DenseMatrix<Float>.gaussian(rows: width, columns: m, from: &draws)
    let applied = try held.apply(zt).adding(dense.apply(zt), times: -1)
    let transposed = try held.applyTransposed(yt).adding(dense.applyTransposed(yt), times: -1)
    #expect(applied.rows == width && applied.columns == m)
    #expect(applied.frobeniusNorm < 1e-4 && transposed.frobeniusNorm < 1e-4)
  }
}
