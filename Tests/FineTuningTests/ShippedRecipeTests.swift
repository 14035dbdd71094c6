import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// The recipes that come with the project.
struct ShippedRecipeTests {
  private static let folder = TestFiles.root.appendingPathComponent("recipes")

  private static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test func sevenAreThere() throws {
    #expect(Self.names.count >= 7)
    let page = try String(
      contentsOf: Self.folder.appendingPathComponent("README.md"), encoding: .utf8)
    for name in Self.names { #expect(page.contains("`\(name)`"), "\(name)") }
  }

  @Test(arguments: names)
  func isValidAndNamesNoFiles(name: String) throws {
    let recipe = try FineTuneRecipe(contentsOf: "\(Self.folder.path)/\(name)")
    try recipe.validate()
    #expect(recipe.notices.isEmpty)
    #expect(recipe.model == nil && recipe.data.isEmpty && recipe.output == nil)
    #expect(recipe != FineTuneRecipe())
  }
}
