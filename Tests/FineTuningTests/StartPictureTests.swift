import Foundation
import Testing

@testable import FineTuning

@Suite struct StartPictureTests {
  @Test("The picture is well-formed XML of its own, with a cell and a line for each matrix")
  func pictureIsWhole() throws {
    let small = try SmallStart()
    let report = try small.report(.loraOne, scale: .linesearch)
    let svg = try #require(StartPicture(report, small.layout.projections)).svg
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
    let small = try SmallStart()
    for (start, isSeen) in [
      (AdapterInitialization.gaussian, false), (.orthogonal, false), (.eva, true),
    ] {
      let picture = try StartPicture(small.report(start), small.layout.projections)
      #expect((picture != nil) == isSeen, "\(start)")
    }
  }
}
