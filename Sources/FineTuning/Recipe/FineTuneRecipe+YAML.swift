internal import Foundation
internal import Yams

// A recipe as YAML: one mapping, keys in the order of `RecipeSetting.all`, defaults written out;
// missing keys are defaults.

extension FineTuneRecipe {
  /// Where a run says what it was made from: no setting.
  static let provenanceKey = "provenance"

  /// Reads YAML (an empty text is the defaults). Does not validate values: call `validate()`.
  public init(yaml: String) throws(RecipeError) {
    let node: Node?
    do {
      node = try Yams.compose(yaml: yaml)
    } catch {
      throw .malformed(reason: Self.sentence(error))
    }
    guard let node, node != Node("", Tag(.null)) else {
      self.init()
      return
    }
    guard let mapping = node.mapping else {
      throw .malformed(reason: "it is no mapping of keys to values")
    }
    self.init()
    let names = RecipeSetting.all.map(\.key) + [Self.provenanceKey]
    for (key, value) in mapping {
      let name = key.string ?? "?"
      if name == Self.provenanceKey {
        do { provenance = try YAMLDecoder().decode(Provenance?.self, from: value) } catch {
          throw .badValue(
            key: name, value: "not whole", expected: "as a run wrote it, or left out")
        }
        continue
      }
      guard let setting = RecipeSetting.all.first(where: { $0.key == name }) else {
        throw .unknownKey(name, nearest: RecipeSetting.key(near: name, of: names))
      }
      try setting.decode(&self, value)
    }
  }

  /// The recipe with every default spelled out.
  public func yaml() throws(RecipeError) -> String {
    let recipe = spelledOut
    var pairs = RecipeSetting.all.map { (Node($0.key), $0.encode(recipe)) }
    do {
      if let provenance {
        let text = try YAMLEncoder().encode(provenance)
        if let node = try Yams.compose(yaml: text) {
          pairs.append((Node(Self.provenanceKey), node))
        }
      }
      return try Yams.serialize(node: Node(pairs), allowUnicode: true)
    } catch {
      throw .malformed(reason: Self.sentence(error))
    }
  }

  /// Reads the file at `path`. Relative paths in it are relative to its folder.
  public init(contentsOf path: String) throws(RecipeError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file(path: path, reason: "it cannot be read")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .file(path: path, reason: "it is not UTF-8 text")
    }
    do throws(RecipeError) {
      try self.init(yaml: text)
      self = resolved(against: Self.folder(of: path))
    } catch {
      throw .inFile(path: path, error)
    }
  }

  private static func sentence(_ error: any Error) -> String {
    if case YamlError.parser(_, let problem, let mark, _) = error {
      return "line \(mark.line): \(problem)"
    }
    if case YamlError.scanner(_, let problem, let mark, _) = error {
      return "line \(mark.line): \(problem)"
    }
    return "\(error)".split(separator: "\n").map { String($0) }.joined(separator: " ")
  }

  /// The values of the settings that bear on something, as text, by key.
  func texts(bearing: Set<RecipeSetting.Bearing>) -> [String: String] {
    let rows = RecipeSetting.all.filter { bearing.contains($0.bearing) }
    return Dictionary(
      uniqueKeysWithValues: rows.map { row in
        let node = row.encode(self)
        return (row.key, node.scalar?.string ?? (try? Yams.serialize(node: node)) ?? "")
      })
  }
}
