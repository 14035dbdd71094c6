/// Cuts text into the words that byte pair encoding merges inside of.
///
/// `tokenizer.ggml.pre` names a recipe: cuts applied one after the other to what the one before
/// left, matches and gaps alike, as llama.cpp's `llm_tokenizer_bpe` does. Classes of characters
/// are our own (Unicode 15.1, as there). Time is linear in the text and memory constant: words are
/// found one at a time.
struct PreTokenizer: Sendable {
  /// One way of cutting a fragment.
  enum Cut: Sendable {
    /// Into matches and what lies between them.
    case matches(SplitExpression)
    /// Runs of numbers into threes, counted from the right; the first group takes along what
    /// stands before the run. That is what llama.cpp makes of `\d{1,3}(?=(?:\d{3})*\b)`.
    case numberGroups
    /// Before every place that has a multiple of three digits from 0 to 9 behind it:
    /// `(?=(\d{3})+(?!\d))`.
    case thousands

    var sets: [ScalarSet] {
      switch self {
      case .matches(let expression): expression.sets
      case .numberGroups: [.numbers]
      case .thousands: [.digits]
      }
    }
  }

  /// How words become symbols.
  enum Spelling: Sendable {
    /// In GPT-2's alphabet, byte by byte.
    case byteLevel
    /// As they are, ▁ for the space, `<0xXX>` for bytes of characters that are no token.
    case characters
  }

  private enum Cutter: Sendable {
    case matches(SplitMatcher)
    case numberGroups
    case thousands
  }

  private let cutters: [Cutter]
  private let classes: ScalarClasses
  private let counted: ScalarClasses.Mask
  let spelling: Spelling
  /// A word that is a token is taken whole.
  let takesWholeWords: Bool
  /// A run of newlines that is a token is taken whole.
  let takesWholeNewlines: Bool
  /// Whether begin-of-text is added where the model file does not say.
  let addsBeginning: Bool
  /// Whether it is added even where the model file says no: llama.cpp's correction of Gemma 4's.
  let alwaysAddsBeginning: Bool

  /// Every name that `init` knows.
  static var names: [String] { recipes.flatMap(\.names) }

  /// How the recipe of this name spells its tokens; byte by byte if the name is not known.
  static func spelling(of name: String) -> Spelling {
    recipes.first { $0.names.contains(name) }?.spelling ?? .byteLevel
  }

  /// - Parameter name: the value of `tokenizer.ggml.pre`.
  init(_ name: String) throws(TokenizationError) {
    guard let recipe = Self.recipes.first(where: { $0.names.contains(name) }) else {
      throw .unsupportedPreTokenizer(name: name, supported: Self.names)
    }
    self.init(recipe)
  }

  init(_ recipe: Recipe) {
    let classes = ScalarClasses(recipe.cuts.flatMap(\.sets))
    var counted: ScalarClasses.Mask = 0
    cutters = recipe.cuts.map { cut in
      switch cut {
      case .matches(let expression): return .matches(SplitMatcher(expression, classes))
      case .numberGroups:
        counted = classes.mask(.numbers)
        return .numberGroups
      case .thousands:
        counted = classes.mask(.digits)
        return .thousands
      }
    }
    self.classes = classes
    self.counted = counted
    spelling = recipe.spelling
    takesWholeWords = recipe.takesWholeWords
    takesWholeNewlines = recipe.takesWholeNewlines
    addsBeginning = recipe.addsBeginning
    alwaysAddsBeginning = recipe.alwaysAddsBeginning
  }

  // MARK: - Words

  /// A place in a text that is being cut.
  struct Cursor {
    fileprivate struct Level {
      var position: Int
      var end: Int
      /// The end of a match whose gap has been given out, or of a run of digits; or -1.
      var pending = -1
      var memory = SplitMatcher.Memory()
    }

    fileprivate var levels: [Level]
    fileprivate var depth: Int
  }

  /// The beginning of a text of so many bytes.
  func cursor(count: Int) -> Cursor {
    var levels = cutters.map { cutter in
      var level = Cursor.Level(position: 0, end: 0)
      if case .matches(let matcher) = cutter { level.memory = matcher.emptyMemory }
      return level
    }
    levels[0].end = count
    return Cursor(levels: levels, depth: 0)
  }

  /// The next word; words follow each other without gap. Nil at the end.
  ///
  /// - Parameter text: valid UTF-8, the same at every call.
  func next(_ text: Span<UInt8>, _ cursor: inout Cursor) -> Range<Int>? {
    while true {
      let depth = cursor.depth
      if cursor.levels[depth].position == cursor.levels[depth].end {
        if depth == 0 { return nil }
        cursor.depth -= 1
        continue
      }
      let piece = cut(text, cutters[depth], &cursor.levels[depth])
      if depth + 1 == cutters.count { return piece }
      cursor.depth += 1
      cursor.levels[depth + 1].position = piece.lowerBound
      cursor.levels[depth + 1].end = piece.upperBound
      cursor.levels[depth + 1].pending = -1
      cursor.levels[depth + 1].memory.removeAll()
    }
  }

  /// The words of a text, in order and without loss. The text is valid UTF-8.
  func split(_ text: Span<UInt8>) -> [Range<Int>] {
    var words: [Range<Int>] = []
    var cursor = cursor(count: text.count)
    while let word = next(text, &cursor) { words.append(word) }
    return words
  }

  // MARK: - Cuts

  /// The next piece of a fragment that is not at its end.
  private func cut(
    _ text: Span<UInt8>, _ cutter: Cutter, _ level: inout Cursor.Level
  ) -> Range<Int> {
    let start = level.position
    switch cutter {
    case .matches(let matcher):
      if level.pending >= 0 {
        level.position = level.pending
        level.pending = -1
      } else if let match = matcher.firstMatch(
        in: text, from: start, to: level.end, memory: &level.memory)
      {
        if match.lowerBound > start { level.pending = match.upperBound }
        level.position = match.lowerBound > start ? match.lowerBound : match.upperBound
      } else {
        level.position = level.end
      }
    case .numberGroups: level.position = endOfNumberGroup(text, &level)
    case .thousands: level.position = endOfThousands(text, &level)
    }
    return start..<level.position
  }

  /// The end of the run of counted characters at a position, and how many there are.
  private func run(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> (end: Int, count: Int) {
    var position = start
    var taken = 0
    while position < end {
      let (number, count) = classes.classify(text, position)
      if counted >> ScalarClasses.Mask(number) & 1 == 0 { break }
      position += count
      taken += 1
    }
    return (position, taken)
  }

  /// So many characters on.
  private func skip(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Int {
    var position = start
    for _ in 0..<count { position += classes.classify(text, position).count }
    return position
  }

  /// `pending`: the end of the run of numbers that is being cut into threes.
  private func endOfNumberGroup(_ text: Span<UInt8>, _ level: inout Cursor.Level) -> Int {
    var position = level.position
    if position >= level.pending {
      var numbers = run(text, position, level.end)
      while numbers.count == 0 {
        position += classes.classify(text, position).count
        if position == level.end { return position }
        numbers = run(text, position, level.end)
      }
      level.pending = numbers.end
      if numbers.count % 3 > 0 { return skip(text, position, numbers.count % 3) }
    }
    let stop = skip(text, position, 3)
    if stop == level.pending { level.pending = -1 }
    return stop
  }

  /// `pending`: the end of the run of digits within which the position lies.
  private func endOfThousands(_ text: Span<UInt8>, _ level: inout Cursor.Level) -> Int {
    if level.position + 3 < level.pending { return level.position + 3 }
    var position = max(level.position, level.pending)
    while position < level.end {
      let digits = run(text, position, level.end)
      if digits.count == 0 {
        position += classes.classify(text, position).count
        continue
      }
      position = digits.end
      if digits.count < 3 { continue }
      level.pending = digits.end
      let first = digits.end - digits.count / 3 * 3
      if first > level.position { return first }
      if first + 3 < digits.end { return first + 3 }
    }
    return position
  }
}
