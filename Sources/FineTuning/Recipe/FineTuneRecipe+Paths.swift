internal import Foundation

// Where the files that a recipe names lie.

extension FineTuneRecipe {
  /// The same with every relative path taken from `folder`. A template's name, and `-` for the
  /// standard input, stay as they are.
  func resolved(against folder: String) -> FineTuneRecipe {
    guard !folder.isEmpty else { return self }
    func path(_ text: String) -> String {
      text.hasPrefix("/") || text == DataText.standardInput
        ? text : folder.hasSuffix("/") ? folder + text : "\(folder)/\(text)"
    }
    var recipe = self
    recipe.model = model.map(path)
    recipe.data = data.map(path)
    recipe.output = output.map(path)
    recipe.forgetting = forgetting.map(path)
    if template.contains(where: { "./".contains($0) }) { recipe.template = path(template) }
    return recipe
  }

  /// The same with absolute paths: what a run saves, so that it can be run again from anywhere.
  var withAbsolutePaths: FineTuneRecipe {
    resolved(against: FileManager.default.currentDirectoryPath)
  }

  /// The folder of the file at `path`; empty for the working folder.
  static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ""
  }

  /// What of `provenance` is no longer as `now` has it, a sentence each: files of the same name
  /// whose contents have changed. Others were meant to be other files.
  func changes(since old: Provenance?) -> [String] {
    guard let old, let now = provenance else { return [] }
    func name(_ source: Dataset.Source) -> String {
      String(source.path.split(separator: "/").last ?? "")
    }
    var changed: [String] = []
    if name(old.base) == name(now.base), old.base.sha256 != now.base.sha256 {
      changed.append("the base \(now.base.path)")
    }
    for source in now.data {
      let same = old.data.filter { name($0) == name(source) }
      if !same.isEmpty, !same.contains(where: { $0.sha256 == source.sha256 }) {
        changed.append("the data \(source.path)")
      }
    }
    return changed.map {
      "\($0) has changed since the recipe was written (its SHA-256 differs): the result will too"
    }
  }
}
