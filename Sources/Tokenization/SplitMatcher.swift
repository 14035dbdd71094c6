/// A `SplitExpression` made ready to be matched.
///
/// Takes time linear in the text: a run gives back characters only within an alternative, and an
/// alternative that began with a run without maximum and failed is not tried again within that run,
/// since it would fail again.
///
/// A class, because words are found by the million and copies of its arrays would be counted.
final class SplitMatcher: Sendable {
  private typealias Mask = ScalarClasses.Mask

  private enum Step: Sendable {
    case run(Mask, minimum: Int, maximum: Int)
    /// A range of `literals`.
    case text(Range<Int>)
    case contraction(caseBit: UInt8, isOptional: Bool)
    case joinedWords(letters: Mask, marks: Mask, space: Mask)
    case endOrNot(Mask)
  }

  private let classes: ScalarClasses
  /// Those of all alternatives, one after the other.
  private let steps: [Step]
  /// Where the steps of each alternative end.
  private let ends: [Int]
  private let literals: [UInt8]
  /// For each class the alternatives that may begin with it, a bit for each.
  private let candidates: [UInt32]
  /// The alternatives that are not tried twice within a run.
  private let remembered: UInt32

  /// What one fragment's matching remembers: for each alternative where the run ends in which it
  /// failed.
  struct Memory {
    fileprivate var failedUntil: [Int] = []

    mutating func removeAll() {
      for index in failedUntil.indices { failedUntil[index] = 0 }
    }
  }

  var emptyMemory: Memory {
    Memory(failedUntil: Array(repeating: 0, count: ends.count))
  }

  /// - Parameter classes: made from (at least) the sets of the expression.
  init(_ expression: SplitExpression, _ classes: ScalarClasses) {
    precondition(expression.alternatives.count <= 32)
    var candidates = Array(repeating: UInt32(0), count: 64)
    var remembered: UInt32 = 0
    var ready: [Step] = []
    var ends: [Int] = []
    var literals: [UInt8] = []
    for (index, steps) in expression.alternatives.enumerated() {
      let beginning = classes.mask(expression.beginnings[index])
      for number in 0..<64 where beginning >> Mask(number) & 1 == 1 {
        candidates[number] |= 1 << UInt32(index)
      }
      if case .run(_, 0...1, .max) = steps[0] { remembered |= 1 << UInt32(index) }
      for step in steps {
        switch step {
        case .run(let set, let minimum, let maximum):
          ready.append(.run(classes.mask(set), minimum: minimum, maximum: maximum))
        case .text(let text):
          let start = literals.count
          literals += text.utf8
          ready.append(.text(start..<literals.count))
        case .contraction(let ignoresCase, let isOptional):
          ready.append(.contraction(caseBit: ignoresCase ? 0x20 : 0, isOptional: isOptional))
        case .joinedWords:
          ready.append(
            .joinedWords(
              letters: classes.mask(.letters), marks: classes.mask(.marks),
              space: classes.mask(.space)))
        case .endOrNot(let set): ready.append(.endOrNot(classes.mask(set)))
        }
      }
      ends.append(ready.count)
    }
    self.classes = classes
    self.candidates = candidates
    self.remembered = remembered
    self.ends = ends
    self.literals = literals
    steps = ready
  }

  /// The first match at or after `start`, nil if there is none; never empty.
  ///
  /// - Parameters:
  ///   - text: valid UTF-8.
  ///   - end: where the fragment ends; nothing is seen behind it.
  ///   - memory: of this fragment; the starts of its searches only rise.
  func firstMatch(
    in text: Span<UInt8>, from start: Int, to end: Int, memory: inout Memory
  ) -> Range<Int>? {
    var position = start
    while position < end {
      let (number, count) = classes.classify(text, position)
      var open = candidates[Int(number)]
      while open != 0 {
        let index = open.trailingZeroBitCount
        open &= open - 1
        let isRemembered = remembered >> UInt32(index) & 1 == 1
        if isRemembered, position < memory.failedUntil[index] { continue }
        var reach = position
        let first = index == 0 ? 0 : ends[index - 1]
        let stop = match(first..<ends[index], text, position, end, &reach)
        if stop > position { return position..<stop }
        if isRemembered { memory.failedUntil[index] = reach }
      }
      position += count
    }
    return nil
  }

  /// Where a row of steps ends, or -1 if they do not match at `position`.
  ///
  /// - Parameter reach: becomes how far the first of these steps got.
  private func match(
    _ row: Range<Int>, _ text: Span<UInt8>, _ position: Int, _ end: Int, _ reach: inout Int
  ) -> Int {
    if row.isEmpty { return position }
    let rest = (row.lowerBound + 1)..<row.upperBound
    var position = position
    switch steps[row.lowerBound] {
    case .run(let mask, let minimum, let maximum):
      var taken = 0
      while taken < maximum, position < end {
        let (number, count) = classes.classify(text, position)
        if mask >> Mask(number) & 1 == 0 { break }
        position += count
        taken += 1
      }
      reach = position
      if rest.isEmpty { return taken >= minimum ? position : -1 }
      var ignored = position
      while taken >= minimum {
        let stop = match(rest, text, position, end, &ignored)
        if stop >= 0 { return stop }
        if taken == 0 { return -1 }
        taken -= 1
        position -= 1
        while text[position] & 0xc0 == 0x80 { position -= 1 }
      }
      return -1
    case .text(let wanted):
      guard end - position >= wanted.count else { return -1 }
      for index in wanted {
        if text[position] != literals[index] { return -1 }
        position += 1
      }
    case .contraction(let caseBit, let isOptional):
      let count = Self.contraction(text, position, end, caseBit)
      if count == 0, !isOptional { return -1 }
      position += count
    case .joinedWords(let letters, let marks, let space):
      position = joinedWords(text, position, end, letters, marks, space)
      if position < 0 { return -1 }
    case .endOrNot(let mask):
      if position < end, mask >> Mask(classes.classify(text, position).number) & 1 == 1 {
        return -1
      }
    }
    return match(rest, text, position, end, &reach)
  }

  /// Bytes of a contraction, 0 if there is none.
  private static func contraction(
    _ text: Span<UInt8>, _ position: Int, _ end: Int, _ caseBit: UInt8
  ) -> Int {
    guard position + 1 < end, text[position] == UInt8(ascii: "'") else { return 0 }
    let first = text[position + 1] | caseBit
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    default: break
    }
    guard position + 2 < end else { return 0 }
    switch (first, text[position + 2] | caseBit) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return 3
    default: return 0
    }
  }

  private func joinedWords(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ letters: Mask, _ marks: Mask, _ space: Mask
  ) -> Int {
    /// The end of a character of the set, or -1.
    func step(_ position: Int, _ mask: Mask) -> Int {
      guard position < end else { return -1 }
      let (number, count) = classes.classify(text, position)
      return mask >> Mask(number) & 1 == 1 ? position + count : -1
    }
    var position = step(start, letters)
    if position < 0 { return -1 }
    while true {
      var next = step(position, marks | letters)
      if next < 0 {
        let afterSpace = step(position, space)
        if afterSpace >= 0 { next = step(afterSpace, letters) }
      }
      if next < 0 { return position }
      position = next
    }
  }
}
