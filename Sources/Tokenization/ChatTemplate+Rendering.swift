/// From messages to text, targets and tokens.
extension ChatTemplate {
  /// The conversation as one text.
  ///
  /// - Parameter addGenerationPrompt: ends with the header of an assistant's turn that is still to come.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> String {
    runs(messages, addGenerationPrompt: addGenerationPrompt).map(\.text).joined()
  }

  /// The rendered conversation cut where loss begins and ends: targets are the assistant's contents with the token
  /// that ends the turn; headers, other roles and the line break after the turn are not. Joined, they are
  /// `render(messages, addGenerationPrompt: false)`.
  public func segments(_ messages: [ChatMessage]) -> [(text: String, isTarget: Bool)] {
    var segments: [(text: String, isTarget: Bool)] = []
    for run in runs(messages, addGenerationPrompt: false) {
      if let last = segments.last, last.isTarget == run.isTarget {
        segments[segments.count - 1].text += run.text
      } else {
        segments.append((run.text, run.isTarget))
      }
    }
    return segments
  }

  /// The conversation as tokens, and for each whether it is a target.
  ///
  /// Only the template's own text may hold control tokens: the same characters in a message are plain text, so that
  /// a message cannot forge a turn. For other content the ids are those of the rendered text. Begin-of-text is put
  /// in front if the model wants it and the template does not.
  ///
  /// - Parameter addGenerationPrompt: ends with the header of an assistant's turn that is still to come.
  public func encode(
    _ messages: [ChatMessage], tokenizer: Tokenizer, addGenerationPrompt: Bool = false
  ) -> (ids: [Int32], isTarget: [Bool]) {
    var (ids, isTarget) = tokenizer.encode(
      runs(messages, addGenerationPrompt: addGenerationPrompt))
    if tokenizer.addsBeginning, let beginning = tokenizer.beginning, ids.first != beginning {
      ids.insert(beginning, at: 0)
      isTarget.insert(false, at: 0)
    }
    return (ids, isTarget)
  }

  private func runs(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [Tokenizer.Run] {
    var runs: [Tokenizer.Run] = []
    func template(_ text: String, isTarget: Bool = false) {
      guard !text.isEmpty else { return }
      runs.append(Tokenizer.Run(text: text, parsesSpecial: true, isTarget: isTarget))
    }
    func content(_ text: String, isTarget: Bool = false) {
      guard !text.isEmpty else { return }
      runs.append(Tokenizer.Run(text: text, parsesSpecial: false, isTarget: isTarget))
    }
    switch form {
    case .chatML(let defaultSystem):
      var turns = messages
      if let defaultSystem, let first = messages.first, first.role != ChatRole.system.rawValue {
        turns.insert(ChatMessage(.system, defaultSystem), at: 0)
      }
      for turn in turns {
        let isTarget = turn.role == ChatRole.assistant.rawValue
        template("<|im_start|>")
        content(turn.role)
        template("\n")
        content(turn.content, isTarget: isTarget)
        template("<|im_end|>", isTarget: isTarget)
        template("\n")
      }
      if addGenerationPrompt { template("<|im_start|>assistant\n") }
    case .plain(let endOfTurn):
      for message in messages {
        let isTarget = message.role == ChatRole.assistant.rawValue
        content(message.content, isTarget: isTarget)
        if isTarget { template(endOfTurn, isTarget: true) }
      }
    }
    return runs
  }
}
