import TestSupport
import Testing

@testable import FineTuning

struct FineTuneRecipePathsTests {
  @Test func relativePathsAreRelativeToTheRecipesFolder() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "recipe.yaml", "model: base.gguf\ndata: [a.jsonl:0.5, /b.jsonl, '-']\ntemplate: t.jinja\n")
    let recipe = try FineTuneRecipe(contentsOf: path)
    #expect(recipe.model == "\(folder.path)/base.gguf")
    #expect(recipe.data == ["\(folder.path)/a.jsonl:0.5", "/b.jsonl", "-"])
    #expect(recipe.template == "\(folder.path)/t.jinja")
    #expect(recipe.output == nil)
  }

  @Test func aTemplatesNameIsNoPath() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("recipe.yaml", "template: chatml\n")
    #expect(try FineTuneRecipe(contentsOf: path).template == "chatml")
  }

  @Test func dataIsOneTextOrAList() throws {
    #expect(try FineTuneRecipe(yaml: "data: a.jsonl").data == ["a.jsonl"])
    #expect(try FineTuneRecipe(yaml: "data: [a.jsonl, b:2]").data == ["a.jsonl", "b:2"])
    #expect(try FineTuneRecipe(yaml: "data:").data == [])
    #expect(throws: RecipeError.self) { try FineTuneRecipe(yaml: "data: {a: b}") }
    #expect(try FineTuneRecipe(yaml: "train_on: [user, tool]").trainOn == "user,tool")
  }

  @Test func changedFilesOfTheSameNameAreSaid() {
    func provenance(_ base: String, _ data: String, _ name: String = "d")
      -> FineTuneRecipe.Provenance
    {
      .init(
        scion: "1", base: .init(path: "x/base.gguf", sha256: base),
        data: [.init(path: "/y/\(name)", sha256: data)])
    }
    var recipe = FineTuneRecipe()
    recipe.provenance = provenance("1", "2")
    #expect(recipe.changes(since: nil).isEmpty)
    #expect(recipe.changes(since: provenance("1", "2")).isEmpty)
    #expect(recipe.changes(since: provenance("0", "2")).count == 1)
    #expect(
      recipe.changes(since: provenance("1", "0")).first?.hasPrefix("the data /y/d has") == true)
    #expect(recipe.changes(since: provenance("1", "0", "other")).isEmpty)
  }

  @Test func rolesAndPromptsExcludeEachOther() {
    var recipe = FineTuneRecipe()
    recipe.trainOn = "assistant,tool"
    #expect(throws: Never.self) { try recipe.validate() }
    recipe.trainOnPrompt = true
    #expect(throws: RecipeError.conflict("train_on", "train_on_prompt")) { try recipe.validate() }
    recipe.trainOnPrompt = false
    recipe.trainOn = "assistant,"
    #expect(throws: RecipeError.self) { try recipe.validate() }
  }
}
