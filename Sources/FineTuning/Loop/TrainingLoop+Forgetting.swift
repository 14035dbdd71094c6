internal import Foundation
internal import Inference
internal import Transformer

// What training makes a model forget: the perplexity of a general text, before and after (`forgetting`).

extension TrainingLoop {
  /// Most windows that are read: their standard error is then a percent or two.
  private static let mostWindows = 24

  var isForgettingDueBefore: Bool {
    session.recipe.forgetting != nil && state.forgettingBefore == nil && state.steps == 0
  }

  var isForgettingDueAfter: Bool {
    session.recipe.forgetting != nil && state.forgettingStep != state.steps && state.steps > 0
  }

  /// llama.cpp's protocol over the text's first windows, as long as a micro-batch allows.
  func beginForgetting(withAdapters: Bool) throws {
    guard let path = session.recipe.forgetting else { return }
    let loaded = session.loaded
    let context = min(
      512, session.trainer.workspace.shape.tokens, loaded.model.configuration.contextLength)
    let text = try DataFile.text(path: path)
    // No tokenizer makes more than four letters of ten a token; a long text need not be read whole.
    let windows = try PerplexityWindows.sequences(
      of: String(text.prefix(Self.mostWindows * context * 12)), context: context, loaded
    ).prefix(Self.mostWindows)
    if !withAdapters {
      emit(
        .notice(
          "\(path): the first \(windows.count) windows of \(context) tokens are watched for forgetting"
        ))
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
