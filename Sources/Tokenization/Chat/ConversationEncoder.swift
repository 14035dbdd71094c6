/// Turns conversations into tokens: what the template writes may be special tokens, what messages
/// say is letters.
///
/// A message cannot forge a turn: control tokens spelled in it are plain text, and so are tokens
/// that a file calls user-defined where the template writes them or their shape is a marker's.
/// Plain tags of that kind (`<tool_call>`, `<think>`) stay tokens in what the assistant says, since
/// it is the model that writes them. Begin-of-text is put in front if the model wants it and the
/// template does not write it.
public struct ConversationEncoder: Sendable {
  public let template: ChatTemplate
  public let tokenizer: Tokenizer
  private let ends: TurnEnds
  /// Tokens that are letters in what others than the assistant say.
  private let markers: Set<Int32>
  /// Tokens that are letters in what the assistant says.
  private let turnMarkers: Set<Int32>

  public init(_ template: ChatTemplate, _ tokenizer: Tokenizer) {
    self.template = template
    self.tokenizer = tokenizer
    let names = tokenizer.endOfGeneration.map {
      String(decoding: tokenizer.vocabulary.text($0), as: UTF8.self)
    }
    ends = TurnEnds(names + [template.end ?? ""])
    let literals = Array(template.literals.joined(separator: "\n").utf8)
    let found = tokenizer.specialTokens.partition(
      literals.span, 0..<literals.count, parseSpecial: true
    ).compactMap(\.token)
    let vocabulary = tokenizer.vocabulary
    let spelled = Set(found).filter { id in
      let text = vocabulary.text(id)
      return vocabulary.kind(id) == .userDefined && text.count >= 3
        && text.contains { "<[{|".utf8.contains($0) }
    }
    // Templates put some markers together from parts, '<|' + role + '|>', which no literal shows.
    let shaped = (0..<Int32(vocabulary.count)).filter { id in
      guard vocabulary.kind(id) == .userDefined else { return false }
      let text = Array(vocabulary.text(id))
      guard !text.isEmpty else { return false }
      return Markers.marker(in: text, at: 0, limit: text.count) == 0..<text.count
    }
    markers = spelled.union(shaped)
    turnMarkers = spelled.filter { !Self.isPlainTag(vocabulary.text($0)) }.union(shaped)
  }

  /// Whether a token is a tag of lower-case letters, `<think>` or `</tool_call>`, and no mark of a
  /// turn.
  private static func isPlainTag(_ text: ArraySlice<UInt8>) -> Bool {
    let text = Array(text)
    guard Markers.marker(in: text, at: 0, limit: text.count) == nil,
      text.first == UInt8(ascii: "<"), text.last == UInt8(ascii: ">")
    else { return false }
    return text.dropFirst().dropLast().allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || "_/".utf8.contains($0)
    }
  }

  // MARK: - For generating

  /// The tokens of a conversation up to where the assistant begins to speak. Throws as
  /// `ChatTemplate.text` does.
  public func prompt(
    _ conversation: Conversation
  ) throws(TokenizationError) -> EncodedConversation {
    let rendering = try template.render(conversation, addGenerationPrompt: true)
    return encode(rendering, conversation, learned: [])
  }

  // MARK: - For training

  /// The whole conversation with its targets. Throws as `ChatTemplate.text` does.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: ends with the header of a turn that is still to come; nothing of it is
  ///     a target.
  ///   - roles: whose messages are learned, each with the marker that ends it.
  public func encode(
    _ conversation: Conversation, addGenerationPrompt: Bool = false,
    roles: Set<String> = [ChatRole.assistant.rawValue]
  ) throws(TokenizationError) -> EncodedConversation {
    let prefixes = try PrefixRenderings(conversation, template)
    let whole = prefixes.whole
    let found = AssistantTurns(conversation, whole: whole, ends: ends) {
      prefixes.rendering(of: $0, addGenerationPrompt: $1)
    } render: {
      try? template.render($0, addGenerationPrompt: false)
    }
    let answers = roles.contains(ChatRole.assistant.rawValue) ? found.learnable : []
    let learnable = answers + AssistantTurns.others(conversation, roles, whole, ends)
    let shown =
      addGenerationPrompt
      ? try template.render(conversation, addGenerationPrompt: true) : whole
    var learned: [Range<Int>] = []
    for turn in learnable {
      // A prompt behind the last turn may rewrite it: what is not there is not marked.
      guard let range = turn.range, !range.isEmpty,
        shown.begins(with: whole, count: range.upperBound)
      else { continue }
      learned.append(range)
    }
    learned.sort { $0.lowerBound < $1.lowerBound }
    var result = encode(shown, conversation, learned: learned)
    result.isRewritten =
      found.rewritesEarlierTurns || found.turns.last.map { !$0.isFaithful } ?? false
    result.lacksEnd = learnable.contains { $0.range != nil && !$0.isMarked }
    return result
  }

  /// Tokens of a rendered text, learned where `learned` says.
  private func encode(
    _ rendering: Rendering, _ conversation: Conversation, learned: [Range<Int>]
  ) -> EncodedConversation {
    var runs: [Tokenizer.Run] = []
    for (range, stretch) in Self.cut(rendering.stretches, at: learned) {
      runs.append(
        Tokenizer.Run(
          text: String(decoding: rendering.bytes[range], as: UTF8.self),
          parsesSpecial: stretch.origin == Conversation.trusted,
          letters: letters(stretch.origin, conversation),
          isTarget: learned.contains { $0.contains(range.lowerBound) }))
    }
    var result = EncodedConversation(text: rendering.text, learned: learned)
    (result.ids, result.isTarget) = tokenizer.encode(runs)
    if tokenizer.addsBeginning, let beginning = tokenizer.beginning, result.ids.first != beginning {
      result.ids.insert(beginning, at: 0)
      result.isTarget.insert(false, at: 0)
    }
    let origins = Set(rendering.stretches.map(\.origin))
    for (index, message) in conversation.messages.enumerated()
    where !origins.contains(Conversation.origin(ofMessage: index)) && !message.isEmpty {
      result.unwrittenRoles.insert(message.role)
    }
    result.hasMedia = Unwritten.hasMedia(conversation)
    result.unwrittenParts = Unwritten.parts(of: conversation, in: rendering)
    let hasTools = conversation.tools.map { $0 != .array([]) } ?? false
    result.leavesOutTools = hasTools && !origins.contains(Conversation.surroundings)
    result.unknownMarkers = unknownMarkers(rendering)
    return result
  }

  /// The user-defined tokens that are letters in a stretch.
  private func letters(_ origin: Int32, _ conversation: Conversation) -> Set<Int32> {
    guard origin != Conversation.trusted else { return [] }
    let index = Int(origin) - 1
    guard conversation.messages.indices.contains(index),
      conversation.messages[index].role == ChatRole.assistant.rawValue
    else { return markers }
    return turnMarkers
  }

  /// Stretches of one origin, cut where learning begins and ends.
  private static func cut(
    _ stretches: [Rendering.Stretch], at learned: [Range<Int>]
  ) -> [(Range<Int>, Rendering.Stretch)] {
    let bounds = learned.flatMap { [$0.lowerBound, $0.upperBound] }.sorted()
    var pieces: [(Range<Int>, Rendering.Stretch)] = []
    var next = 0
    for stretch in stretches {
      var start = stretch.range.lowerBound
      while next < bounds.count, bounds[next] <= start { next += 1 }
      var place = next
      while place < bounds.count, bounds[place] < stretch.range.upperBound {
        if bounds[place] > start { pieces.append((start..<bounds[place], stretch)) }
        start = max(start, bounds[place])
        place += 1
      }
      pieces.append((start..<stretch.range.upperBound, stretch))
    }
    return pieces
  }

  /// What the template wrote that looks like a marker and is no special token.
  private func unknownMarkers(_ rendering: Rendering) -> Set<String> {
    var unknown: Set<String> = []
    for stretch in rendering.stretches where stretch.origin == Conversation.trusted {
      let parts = tokenizer.specialTokens.partition(
        rendering.bytes.span, stretch.range, parseSpecial: true)
      for part in parts where part.token == nil {
        var position = part.range.lowerBound
        while position < part.range.upperBound {
          guard
            let marker = Markers.marker(
              in: rendering.bytes, at: position, limit: part.range.upperBound)
          else {
            position += 1
            continue
          }
          unknown.insert(String(decoding: rendering.bytes[marker], as: UTF8.self))
          position = marker.upperBound
        }
      }
    }
    return unknown
  }
}
