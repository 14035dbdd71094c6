internal import Foundation
internal import Inference
internal import Tensors
internal import Tokenization
internal import Transformer

/// The prompts of a few validation records, whose answers a run shows as they change (`sample_every`).
struct SamplePrompts {
  /// Most tokens of an answer.
  static let answerTokens = 96
  /// Most tokens of a prompt, its last ones.
  private static let promptTokens = 512
  /// Of a text without a prompt, so much is given.
  private static let textTokens = 32

  struct Prompt {
    let ids: [Int32]
    let text: String
    let expected: String
  }

  let prompts: [Prompt]

  /// `count` records spread over `sequences`.
  init(_ sequences: some TokenSequenceList, count: Int, _ decoder: TokenDecoder) {
    let count = min(count, sequences.count)
    prompts = (0..<count).compactMap { index in
      let sequence = sequences[index * sequences.count / count]
      guard let first = sequence.targets.firstIndex(where: { $0 != TokenSequence.ignored })
      else { return nil }
      // Where everything is learned there is no prompt: the text's beginning is one.
      let isText = first == 0
      let end = isText ? min(Self.textTokens, max(1, sequence.ids.count / 2)) : first + 1
      let ids = Array(sequence.ids[..<end].suffix(Self.promptTokens))
      let answer = sequence.targets[(end - 1)...].prefix { $0 != TokenSequence.ignored }
      return Prompt(
        ids: ids, text: decoder.decode(ids, skipSpecial: false),
        expected: decoder.decode(answer.prefix(Self.answerTokens), skipSpecial: true))
    }
  }
}

/// Greedy answers to the prompts, some tokens at a time.
struct SamplePass {
  let prompts: SamplePrompts
  let step: Int
  let generator: BatchGenerator
  var answers: [Int: String] = [:]
}

extension TrainingLoop {
  /// Whether the answers are due now: of the base before the first step, every so many steps, and after the last.
  var isSampleDue: Bool {
    guard let every = session.recipe.sampleEvery, state.sampledStep != state.steps else {
      return false
    }
    return state.steps % every == 0 || state.steps == session.stepCount
  }

  /// Memory for it is what the activations give up meanwhile: few short answers need less.
  func beginSample() throws {
    session.trainer.releaseWorkspace()
    let decoder = try session.loaded.decoder
    let data = session.data.validation ?? session.data.train
    let prompts = SamplePrompts(data.sequences, count: session.recipe.samples, decoder)
    let adapters = state.steps == 0 ? nil : session.trainer.adapters
    let generator = try BatchGenerator(
      session.trainer.model, adapters: adapters, storage: session.trainer.workspace.shape.storage,
      prompts: prompts.prompts.map(\.ids), maxTokens: SamplePrompts.answerTokens,
      ends: decoder.endOfGeneration, slots: 8, cacheBytes: 64 << 20, promptTokens: 256)
    generator.stop = stop
    phase = .sampling(SamplePass(prompts: prompts, step: state.steps, generator: generator))
  }

  func advance(_ pass: SamplePass) throws {
    var pass = pass
    if let finished = try pass.generator.step() {
      if stop.isRaised { return }
      let decoder = try session.loaded.decoder
      for answer in finished {
        pass.answers[answer.index] = decoder.decode(answer.ids, skipSpecial: true)
      }
      phase = .sampling(pass)
      return
    }
    if stop.isRaised { return }
    let samples = pass.prompts.prompts.enumerated().map { index, prompt in
      AnswerSample(
        sample: index, prompt: prompt.text, expected: prompt.expected, step: pass.step,
        answer: pass.answers[index] ?? "")
    }
    state.samples = (state.samples ?? []) + samples
    state.sampledStep = pass.step
    try writeSamples()
    phase = .training
    emit(.sampled(step: pass.step, samples))
  }

  /// The whole file from the state: a resumed run's has each step once.
  func writeSamples() throws {
    guard let samples = state.samples else { return }
    let encoder = JSONEncoder.scion
    let lines = try samples.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
    try directory.write(lines.joined(), to: RunDirectory.Name.samples)
  }
}
