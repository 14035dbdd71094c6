import Foundation
import Testing

@testable import FineTuning

@Suite struct StartPictureTests {
  @Test("The picture is well-formed XML of its own, with a cell and a line for each matrix")
  func pictureIsWhole() throws {
    let report = try SmallStart().report(.loraOne, scale: .linesearch)
    let svg = try #require(StartPicture(report)).svg
    #expect(svg.components(separatedBy: "<title>blk.").count - 1 == 28)
    #expect(svg.components(separatedBy: "<polyline").count - 1 == 28)
    let after = try #require(report.lossAfter)
    #expect(svg.contains(String(format: "%.4f", after)))
    // Nothing is loaded from elsewhere.
    #expect(!svg.contains("href") && !svg.contains("url(") && !svg.contains("nan"))
    for tag in ["text", "title", "svg"] {
      #expect(
        svg.components(separatedBy: "<\(tag)").count
          == svg.components(separatedBy: "</\(tag)>").count)
    }
  }

  @Test("A start that measures nothing has no picture")
  func nothingMeasuredHasNoPicture() throws {
    #expect(try StartPicture(SmallStart().report(.gaussian)) == nil)
    #expect(try StartPicture(SmallStart().report(.orthogonal)) == nil)
    #expect(try StartPicture(SmallStart().report(.eva)) != nil)
  }
}
