/// A pattern of a tokenizer: the part of regular expressions that such patterns use.
///
/// Alternatives in order of preference, each a row of steps. A step takes as many characters as it
/// may and gives them back one by one while the steps behind it do not match: what PCRE, Oniguruma
/// and ECMAScript do with greedy quantifiers.
struct SplitExpression: Sendable {
  enum Step: Sendable {
    /// So many characters of a set; no maximum is `Int.max`.
    case run(ScalarSet, minimum: Int, maximum: Int)
    /// Exactly this text.
    case text(String)
    /// An English contraction: 's, 't, 're, 've, 'm, 'll or 'd.
    case contraction(ignoresCase: Bool, isOptional: Bool)
    /// Words that single spaces join: `(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+`.
    case joinedWords
    /// The end of the fragment or a character that is not in the set: `(?!…)`.
    case endOrNot(ScalarSet)

    static func one(_ set: ScalarSet) -> Step { .run(set, minimum: 1, maximum: 1) }
    static func optional(_ set: ScalarSet) -> Step { .run(set, minimum: 0, maximum: 1) }
    static func some(_ set: ScalarSet) -> Step { .run(set, minimum: 1, maximum: .max) }
    static func any(_ set: ScalarSet) -> Step { .run(set, minimum: 0, maximum: .max) }
    static func times(_ counts: ClosedRange<Int>, _ set: ScalarSet) -> Step {
      .run(set, minimum: counts.lowerBound, maximum: counts.upperBound)
    }

    /// The sets whose classes matching needs.
    fileprivate var sets: [ScalarSet] {
      switch self {
      case .run(let set, _, _), .endOrNot(let set): [set]
      case .text(let text): [ScalarSet(String(text.prefix(1)))]
      case .contraction: [ScalarSet("'")]
      case .joinedWords: [.letters, .marks, .space]
      }
    }

    /// What a match may begin with, and whether it may be empty.
    fileprivate var beginning: (set: ScalarSet, mayBeEmpty: Bool) {
      switch self {
      case .run(let set, let minimum, _): (set, minimum == 0)
      case .text, .contraction(_, isOptional: false): (sets[0], false)
      case .contraction(_, isOptional: true): (sets[0], true)
      case .joinedWords: (.letters, false)
      case .endOrNot: (!ScalarSet([]), false)
      }
    }
  }

  let alternatives: [[Step]]
  /// What the matches of each alternative begin with.
  let beginnings: [ScalarSet]

  init(_ alternatives: [Step]...) { self.init(alternatives: alternatives) }

  init(alternatives: [[Step]]) {
    self.alternatives = alternatives
    beginnings = alternatives.map(Self.beginning)
  }

  /// The sets of all steps, and of the beginnings.
  var sets: [ScalarSet] { alternatives.flatMap { $0.flatMap(\.sets) } + beginnings }

  private static func beginning(_ steps: [Step]) -> ScalarSet {
    var set = ScalarSet([])
    for step in steps {
      set = set + step.beginning.set
      if !step.beginning.mayBeEmpty { break }
    }
    return set
  }
}
