import FineTuning
import Foundation
import Inference
import Transformer

// What `scion eval` measures on.

extension EvalCommand {
  /// The files that --data means: of a folder the test part, or where there is none what it validates on.
  func dataFiles() throws -> [String] {
    try data.flatMap { path -> [String] in
      var isFolder: ObjCBool = false
      guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        if path != "-", let part = try? DataPart(path), part.weight != 1 {
          throw UsageError("\(path): eval scores every record once: leave the weight out")
        }
        return [path]
      }
      guard isFolder.boolValue else { return [path] }
      let source = try DataSource(path: path)
      let held = source.test.isEmpty ? source.validation : source.test
      guard !held.isEmpty else {
        throw UsageError(
          "\(path) has no test.jsonl and no valid.jsonl: name the file that is to be measured")
      }
      warn("\(path): \(held.joined(separator: ", ")) is measured")
      return held
    }
  }

  private func warn(_ text: String) {
    var reporter = TerminalReporter(quiet: quiet)
    reporter.warn(text)
  }

  /// The evaluation over `files`, and how many examples each has in it.
  func makeEvaluation(
    _ files: [String], _ loaded: LoadedModel, _ adapters: AdapterSet?
  ) throws -> (any Evaluation, counts: [Int]) {
    let storage = model.storage
    switch task {
    case .perplexity:
      let windows = try limited(files) { Array(try self.windows($0, loaded).prefix($1)) }
      return (
        try LikelihoodEvaluation(
          task: .perplexity, loaded.model, adapters: adapters, storage: storage,
          sequences: windows.compactMap(\.self).flatMap(\.self)), windows.map { $0?.count ?? 0 }
      )
    case .nll:
      let sequences = try limited(files) { try self.sequences($0, loaded).first($1) }
      return (
        try LikelihoodEvaluation(
          task: .nll, loaded.model, adapters: adapters, storage: storage,
          sequences: try TokenSequences.joining(sequences.compactMap(\.self))),
        sequences.map { $0?.count ?? 0 }
      )
    case .exact:
      let examples = try limited(files) { try read($0, $1).records.map { try ExactExample($0) } }
      let evaluation = try ExactEvaluation(
        loaded, adapters: adapters, storage: storage, template: templates.template,
        clock: templates.clock, examples: examples.compactMap(\.self).flatMap(\.self),
        shots: try shotsData.map { try ExactExample.shots(shots, of: read($0, shots).records) }
          ?? [],
        maxTokens: maxTokens)
      return (evaluation, examples.map { $0?.count ?? 0 })
    }
  }

  /// What `load` gives for each file of the examples that --limit leaves; nil for a file that is not read.
  private func limited<Examples: Collection>(
    _ files: [String], _ load: (_ path: String, _ most: Int) throws -> Examples
  ) throws -> [Examples?] {
    var left = limit ?? .max
    return try files.map { path in
      guard left > 0 else {
        warn("\(path) is not read: --limit \(limit ?? 0) is reached before it")
        return nil
      }
      let own = try load(path, left)
      left -= own.count
      return own
    }
  }

  private func windows(_ path: String, _ loaded: LoadedModel) throws -> [TokenSequence] {
    let text = try DataFile.text(path: path)
    let windows = try PerplexityWindows.windows(of: text, context: context, loaded)
    if windows.left > 0 {
      warn(
        "\(path): the last \(windows.left) tokens fill no window of \(context) and are not scored")
    }
    return windows.sequences
  }

  private func sequences(_ path: String, _ loaded: LoadedModel) throws -> TokenSequences {
    let builder = SequenceBuilder(
      loaded, template: templates.template, clock: templates.clock,
      sequenceLength: min(seqLen, loaded.model.configuration.contextLength))
    let dataset = try Dataset(paths: [path], builder: builder, skipBad: skipBad)
    let longest = loaded.model.configuration.contextNotice(
      sequenceLength: seqLen, longest: dataset.sequences.longest)
    for notice in dataset.notices + [longest].compactMap(\.self) { warn(notice) }
    return dataset.sequences
  }

  /// The records of `path`, with what was left out said.
  private func read(_ path: String, _ limit: Int) throws -> DataFile {
    let file = try DataFile(path: path, skipBad: skipBad, limit: limit)
    for notice in file.notices { warn(notice) }
    if let notice = file.skipped.notice { warn(notice) }
    return file
  }
}
