/// A conversation as a template writes it, and the first messages of it alone.
///
/// Most templates write message by message. Of them the texts of all prefixes come along with the whole (`JinjaPrefixes`), so that a
/// conversation of n messages costs two renderings; of others each prefix is rendered when it is asked for.
final class PrefixRenderings {
  /// All messages, without a generation prompt.
  let whole: Rendering
  private let conversation: Conversation
  private let template: ChatTemplate
  /// What came along with `whole`.
  private let prefixes: JinjaPrefixes?
  /// All messages with a generation prompt, and what came along; nil where the template refuses it.
  private lazy var prompts: (whole: Rendering, prefixes: JinjaPrefixes)? = {
    let prefixes = JinjaPrefixes(wanted: Set(turns))
    let whole = try? template.render(conversation, addGenerationPrompt: true, prefixes: prefixes)
    return whole.map { ($0, prefixes) }
  }()
  /// Indices of the assistant's messages to learn.
  private let turns: [Int]

  /// Renders the conversation. Throws as `ChatTemplate.text` does.
  init(_ conversation: Conversation, _ template: ChatTemplate) throws(TokenizationError) {
    self.conversation = conversation
    self.template = template
    turns = conversation.assistantTurns.filter { conversation.messages[$0].isTrained }
    // A single turn asks for one prefix, and a template that marks the turns for none.
    let isWorthIt = turns.count > 1 && !template.usesGeneration
    prefixes = isWorthIt ? JinjaPrefixes(wanted: Set(turns.map { $0 + 1 })) : nil
    whole = try template.render(conversation, addGenerationPrompt: false, prefixes: prefixes)
  }

  /// The first `count` messages; nil where the template refuses them.
  func rendering(of count: Int, addGenerationPrompt: Bool) -> Rendering? {
    if let prefixes {
      if addGenerationPrompt {
        if let prompts, let found = prompts.prefixes.found[count] {
          return found.end.map { Rendering(prompts.whole, upTo: found.byteCount, then: $0) }
        }
      } else if let found = prefixes.found[count] {
        return found.end.map { Rendering(whole, upTo: found.byteCount, then: $0) }
      }
    }
    return try? template.render(
      conversation.prefix(count), addGenerationPrompt: addGenerationPrompt)
  }
}
