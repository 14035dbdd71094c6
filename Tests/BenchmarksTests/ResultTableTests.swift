import Foundation
import Testing

@testable import scion_bench

@Suite struct ResultTableTests {
  @Test func numbersHaveFourDigits() {
    #expect(ResultTable.text(1103.27) == "1103")
    #expect(ResultTable.text(92.345) == "92.34" || ResultTable.text(92.345) == "92.35")
    #expect(ResultTable.text(0.0012345) == "0.001234" || ResultTable.text(0.0012345) == "0.001235")
    #expect(ResultTable.text(0) == "0.0")
  }

  @Test func mediansAreOfTheMiddle() {
    var samples = Samples()
    for value in [5.0, 1, 9] { samples.append(value) }
    #expect(samples.median == 5 && samples.least == 1 && samples.greatest == 9)
    samples.append(7)
    #expect(samples.median == 6)
  }

  @Test func theFileHasOneHeader() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).csv").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table = ResultTable(csv: path, commit: "abc")
    try table.record("gemm/forward/64x96/T64", format: "Q4_1", 12.5, "GFLOP/s")
    try table.record("merge", 2, "s")
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 3 && lines[0] == "commit,benchmark,format,isa,threads,value,unit")
    #expect(lines[1].hasPrefix("abc,gemm/forward/64x96/T64,Q4_1,"))
    #expect(lines[1].hasSuffix(",12.50,GFLOP/s"))
  }
}
