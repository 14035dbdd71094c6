internal import Foundation
internal import Inference
internal import Transformer

// What training makes a model forget: the perplexity of a general text, before and after (`forgetting`).

extension TrainingLoop {
  var isForgettingDueBefore: Bool {
    session.recipe.forgetting != nil && state.forgettingBefore == nil && state.steps == 0
  }

  var isForgettingDueAfter: Bool {
    session.recipe.forgetting != nil && state.forgettingStep != state.steps && state.steps > 0
  }

  func beginForgetting(withAdapters: Bool) throws {
    let windows = session.forgettingWindows
    if !withAdapters, let first = windows.first, let path = session.recipe.forgetting {
      emit(
        .notice(
          "\(path): the first \(windows.count) windows of \(first.ids.count) tokens are watched for "
            + "forgetting"))
    }
    phase = .forgetting(
      ValidationPass(windows.map { TokenBatch([$0]) }, withAdapters: withAdapters))
  }

  func finishForgetting(_ loss: Double, withAdapters: Bool) throws {
    let row = ForgettingMetrics(
      step: state.steps, loss: loss, perplexity: exp(loss), adapters: withAdapters)
    if withAdapters {
      state.forgettingStep = state.steps
    } else {
      state.forgettingBefore = ExactNumber(loss)
    }
    try log(row, values: [("forgetting/perplexity", row.perplexity)])
    emit(
      .forgetting(
        perplexity: row.perplexity, base: state.forgettingBefore.map { exp($0.value) },
        withAdapters: withAdapters))
    if withAdapters { phase = .finishing }
  }
}

extension FineTuneSession {
  /// Most windows that are read: their standard error is then a percent or two.
  private static let mostForgettingWindows = 24

  /// The first windows of the text at `recipe.forgetting`, by llama.cpp's protocol, as long as a micro-batch allows; none
  /// where no text is watched.
  ///
  /// Throws `DataError`, also for a text that is too short.
  static func forgettingWindows(
    _ recipe: FineTuneRecipe, _ loaded: LoadedModel, microTokens: Int
  ) throws -> [TokenSequence] {
    guard let path = recipe.forgetting else { return [] }
    let context = min(512, microTokens, loaded.model.configuration.contextLength)
    let text = try DataFile.text(path: path)
    // No tokenizer makes more than four letters of ten a token; a long text need not be read whole.
    do {
      let windows = try PerplexityWindows.sequences(
        of: String(text.prefix(mostForgettingWindows * context * 12)), context: context, loaded)
      return Array(windows.prefix(mostForgettingWindows))
    } catch EvaluationError.textTooShort(let tokens, let needed) {
      throw DataError.textTooShort(path: path, tokens: tokens, needed: needed)
    }
  }
}
