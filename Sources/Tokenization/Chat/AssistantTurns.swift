/// Finds in a rendered conversation what the assistant said: each turn with the marker that ends
/// it, without its header.
///
/// Templates with `{% generation %}` say it themselves. Otherwise a turn is what it adds to its
/// prompt: the text of the messages before it, with the generation prompt, is how the text with it
/// begins. Where later messages move it, it is looked for by the origin of its strings and must be
/// there unchanged. A template that writes earlier turns otherwise than they were said (Qwen 3
/// leaves out their reasoning) would teach what the model never says: then only the last turn is
/// learned.
struct AssistantTurns: Sendable {
  /// One turn of the assistant.
  struct Turn: Equatable, Sendable {
    /// Index of its message.
    var message: Int
    /// Bytes of the text; nil where it was not found.
    var range: Range<Int>?
    /// Whether a marker ends it: without one the model does not learn to stop.
    var isMarked = true
    /// Whether it stands in the whole text as it was said when it was the last.
    var isFaithful = true
  }

  private(set) var turns: [Turn] = []

  /// Whether earlier turns are written otherwise than they were said.
  var rewritesEarlierTurns: Bool {
    turns.dropLast().contains { !$0.isFaithful || $0.range == nil }
  }

  /// The turns to learn: all of them, or the last if the template rewrites earlier ones.
  var learnable: [Turn] {
    rewritesEarlierTurns ? Array(turns.suffix(1)) : turns
  }

  /// Finds the turns of the assistant's messages that are to be learned.
  ///
  /// - Parameters:
  ///   - whole: the whole conversation, rendered without a generation prompt.
  ///   - prefix: the first messages, with or without a generation prompt; nil where the template
  ///     refuses them.
  ///   - render: another conversation without one, likewise.
  init(
    _ conversation: Conversation, whole: Rendering, ends: TurnEnds,
    prefix: (_ count: Int, _ addGenerationPrompt: Bool) -> Rendering?,
    render: (_ conversation: Conversation) -> Rendering?
  ) {
    let indices = conversation.assistantTurns
    let wanted = indices.filter { conversation.messages[$0].isTrained }
    let generated = whole.generated
    if !generated.isEmpty {
      turns = Self.tagged(indices, generated, whole).filter { wanted.contains($0.message) }
      for index in turns.indices {
        turns[index].isMarked =
          turns[index].range.map { ends.isMarked(whole.bytes, $0) } ?? false
      }
      return
    }
    func turn(_ index: Int) -> Turn {
      let isLast = index == conversation.messages.count - 1
      let alone = isLast ? whole : prefix(index + 1, false)
      return Self.find(
        index, whole: whole, alone: alone, prompt: prefix(index, true), ends: ends
      ) {
        var plain = conversation.prefix(index)
        plain.messages.append(ChatMessage(.assistant, "Yes."))
        return render(plain)
      }
    }
    for index in wanted {
      turns.append(turn(index))
      // One that was rewritten is enough to learn the last only.
      if let last = wanted.last, index != last, turns.contains(where: { !$0.isFaithful }) {
        turns.append(turn(last))
        break
      }
    }
  }

  /// What the template's author marked. As many stretches as turns belong to them in order;
  /// otherwise a stretch belongs to the message that most of its strings come from.
  private static func tagged(
    _ indices: [Int], _ generated: [Range<Int>], _ whole: Rendering
  ) -> [Turn] {
    if generated.count == indices.count {
      return zip(indices, generated).map { Turn(message: $0, range: $1) }
    }
    return generated.compactMap { range in
      let inside = whole.stretches.first { stretch in
        stretch.origin > 0 && range.contains(stretch.range.lowerBound)
          && indices.contains(Int(stretch.origin) - 1)
      }
      return inside.map { Turn(message: Int($0.origin) - 1, range: range) }
    }
  }

  private static func find(
    _ index: Int, whole: Rendering, alone: Rendering?, prompt: Rendering?, ends: TurnEnds,
    plain: () -> Rendering?
  ) -> Turn {
    let origin = Conversation.origin(ofMessage: index)
    guard let alone,
      let said = said(origin, alone: alone, prompt: prompt, ends: ends, plain: plain)
    else { return located(index, whole, ends) }
    let bytes = alone.bytes[said.range]
    if whole.begins(with: alone, count: said.range.upperBound) {
      // GLM ends an answer with the mark that begins the next turn.
      if !said.isMarked, let end = ends.ownEnd(whole.bytes, at: said.range.upperBound) {
        return Turn(message: index, range: said.range.lowerBound..<end)
      }
      return Turn(message: index, range: said.range, isMarked: said.isMarked)
    }
    // Later messages have moved it: the same bytes around the last of its strings.
    if let here = whole.extent(of: origin), let there = alone.extent(of: origin) {
      let start = here.upperBound - (there.upperBound - said.range.lowerBound)
      let end = start + said.range.count
      if start >= 0, end <= whole.bytes.count, whole.bytes[start..<end].elementsEqual(bytes) {
        return Turn(message: index, range: start..<end, isMarked: said.isMarked)
      }
    }
    return located(index, whole, ends)
  }

  /// The turn where it is the last: behind its prompt, or around its strings.
  ///
  /// A prompt may hold what turns do not begin with: DeepSeek R1 opens a thought in it, Gemma 4 an
  /// empty one. Then the turn begins where a plain answer in its place would.
  private static func said(
    _ origin: Int32, alone: Rendering, prompt: Rendering?, ends: TurnEnds,
    plain: () -> Rendering?
  ) -> (range: Range<Int>, isMarked: Bool)? {
    let strings = alone.extent(of: origin)
    var start = strings?.lowerBound
    if let prompt, alone.begins(with: prompt, count: prompt.bytes.count) {
      start = prompt.bytes.count
    } else if let strings, let plain = plain(),
      let header = plain.extent(of: origin)?.lowerBound, header <= strings.lowerBound,
      alone.begins(with: plain, count: header)
    {
      start = header
    }
    guard let start else { return nil }
    let contentEnd = max(strings?.upperBound ?? start, start)
    let (end, isMarked) = ends.end(alone.bytes, from: contentEnd, limit: alone.bytes.count)
    return (start..<end, isMarked)
  }

  /// The messages to learn of roles other than the assistant's, by their strings.
  static func others(
    _ conversation: Conversation, _ roles: Set<String>, _ whole: Rendering, _ ends: TurnEnds
  ) -> [Turn] {
    conversation.messages.indices.filter { index in
      let message = conversation.messages[index]
      return message.isTrained && message.role != ChatRole.assistant.rawValue
        && roles.contains(message.role)
    }.map { located($0, whole, ends) }
  }

  /// The turn in the whole text by its strings alone, which is not how it was said.
  private static func located(_ index: Int, _ whole: Rendering, _ ends: TurnEnds) -> Turn {
    let origin = Conversation.origin(ofMessage: index)
    guard let strings = whole.extent(of: origin) else {
      return Turn(message: index, range: nil, isFaithful: false)
    }
    // Not into the strings of other messages.
    let next = whole.stretches.first {
      $0.origin > 0 && $0.range.lowerBound >= strings.upperBound
    }
    let limit = next?.range.lowerBound ?? whole.bytes.count
    let (end, isMarked) = ends.end(whole.bytes, from: strings.upperBound, limit: limit)
    return Turn(
      message: index, range: strings.lowerBound..<end, isMarked: isMarked, isFaithful: false)
  }
}
