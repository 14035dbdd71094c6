internal import Yams

/// One setting of a run: the row that the YAML reader and writer, the check, the fingerprints of
/// runs and the command line's options are made from. The property that it stands for is typed.
///
/// The rows stand in `RecipeSetting+<Section>.swift`. A new setting is a property of
/// `FineTuneRecipe` and a row: nothing else has to know of it.
public struct RecipeSetting: Sendable {
  /// What another value changes.
  enum Bearing {
    /// Where the adapters start, and with it the result.
    case start
    /// The result.
    case result
    /// No bit of the result: where things lie, the machine's share, what is shown.
    case nothing
  }

  /// The key in YAML.
  public let key: String
  /// What stands for the value in help: `n`, `path`. Empty for a switch.
  public let valueName: String
  /// One or more sentences; other settings' keys stand between backticks.
  public let help: String
  /// The names that a value can be, where it is one of some.
  public let choices: [String]
  /// Whether the value is true or false.
  public let isSwitch: Bool
  /// Whether a switch is on by default.
  public let isUsuallyOn: Bool
  /// Whether several values mean all of them.
  public let isRepeated: Bool
  /// Whether the value is a path.
  public let isPath: Bool
  /// The default in words; nil where there is none to name.
  public let defaultText: String?
  let bearing: Bearing

  let decode: @Sendable (inout FineTuneRecipe, Node) throws(RecipeError) -> Void
  let encode: @Sendable (FineTuneRecipe) -> Node
  let check: @Sendable (FineTuneRecipe) throws(RecipeError) -> Void
  let clear: @Sendable (inout FineTuneRecipe) -> Void

  /// - Parameters:
  ///   - unset: what happens while an optional setting has no value, for the help.
  ///   - isList: whether a YAML list of words stands for the words with commas between.
  ///   - expected: what a value must be, said when `holds` is false.
  init<Value: SettingValue>(
    _ key: String, _ property: WritableKeyPath<FineTuneRecipe, Value> & Sendable,
    _ valueName: String = "", choices: [String] = [], isPath: Bool = false,
    isList: Bool = false, unset: String? = nil, bearing: Bearing = .result,
    _ help: String, must expected: String? = nil,
    _ holds: @escaping @Sendable (Value) -> Bool = { _ in true }
  ) {
    self.key = key
    self.valueName = valueName.isEmpty ? choices.joined(separator: "|") : valueName
    self.help = help
    self.choices = choices
    self.isPath = isPath
    self.bearing = bearing
    isSwitch = Value.self == Bool.self
    isUsuallyOn = FineTuneRecipe()[keyPath: property] as? Bool ?? false
    isRepeated = Value.self == [String].self
    let usual = FineTuneRecipe()[keyPath: property].node
    defaultText = unset ?? (isSwitch || usual.isNull ? nil : usual.scalar?.string)
    decode = { recipe, node throws(RecipeError) in
      if node.isNull {
        recipe[keyPath: property] = FineTuneRecipe()[keyPath: property]
        return
      }
      let words = isList ? node.sequence?.compactMap { $0.scalar?.string } : nil
      let node = words.map { Node($0.joined(separator: ",")) } ?? node
      guard let value = Value.read(node) else {
        throw .badValue(
          key: key, value: node.scalar.map { "\"\($0.string)\"" } ?? "a list or a mapping",
          expected: choices.isEmpty ? Value.expected : choices.joined(separator: " or "))
      }
      recipe[keyPath: property] = value
    }
    encode = { $0[keyPath: property].node }
    check = { recipe throws(RecipeError) in
      let value = recipe[keyPath: property]
      let text = value.node.scalar?.string ?? "\(value)"
      if !choices.isEmpty, !choices.contains(text) {
        throw .badValue(
          key: key, value: "\"\(text)\"", expected: choices.joined(separator: " or "))
      }
      guard !holds(value) else { return }
      let isText = Value.self == String.self || Value.self == String?.self
      throw .badValue(
        key: key, value: isText ? "\"\(text)\"" : text, expected: expected ?? Value.expected)
    }
    clear = { $0[keyPath: property] = FineTuneRecipe()[keyPath: property] }
  }

  /// A switch.
  init(
    _ key: String, _ property: WritableKeyPath<FineTuneRecipe, Bool> & Sendable,
    bearing: Bearing = .result, _ help: String
  ) {
    self.init(key, property, "", bearing: bearing, help)
  }

  /// Sets the value that `texts` mean, as a command line gives them: one text, or several where
  /// the setting is repeated.
  public func set(_ recipe: inout FineTuneRecipe, _ texts: [String]) throws(RecipeError) {
    // A word that YAML takes for nothing is a text here.
    let scalars = texts.map { text in
      Node(text).isNull ? Node(text, .implicit, .doubleQuoted) : Node(text)
    }
    if isRepeated { return try decode(&recipe, Node(scalars)) }
    for scalar in scalars { try decode(&recipe, scalar) }
  }

  /// The value in `recipe` as text; empty for none.
  public func text(of recipe: FineTuneRecipe) -> String {
    let node = encode(recipe)
    if node.isNull { return "" }
    return node.scalar?.string
      ?? (node.sequence ?? []).compactMap { $0.scalar?.string }.joined(separator: ", ")
  }

  // MARK: - All

  /// Every setting, in the order of the file.
  public static let all =
    files + adapters + start + optimization + length + machine + saving + evaluation + data
    + messages

  /// Settings of which one takes the place of the other.
  static let exclusive = [
    ["epochs", "steps"], ["time", "pace"], ["epochs", "pace"], ["steps", "pace"],
    ["batch_tokens", "batch"], ["train_on", "train_on_prompt"],
  ]
}

extension FineTuneRecipe {
  /// The same with the values of `texts`, by key, put over it. Of settings that exclude each
  /// other, one that is given takes the place of what the recipe had.
  public mutating func apply(_ texts: [String: [String]]) throws(RecipeError) {
    for group in RecipeSetting.exclusive
    where group.contains(where: { texts[$0] != nil && texts[$0] != ["false"] }) {
      for setting in RecipeSetting.all where group.contains(setting.key) { setting.clear(&self) }
    }
    for setting in RecipeSetting.all {
      if let texts = texts[setting.key] { try setting.set(&self, texts) }
    }
  }
}
