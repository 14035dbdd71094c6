import Foundation
import Inference
import ModelFiles
import Tensors
import TestSupport
import Testing
import Tokenization
import Transformer

@testable import FineTuning

/// With the real model and the real data sets, where this machine has them.
struct RealFilesTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  static let model = "\(root)/models/SmolLM2-135M-Instruct.Q4_1.gguf"
  static let data = "\(root)/../shared/data"
  static let hasModel = FileManager.default.fileExists(atPath: model)
  static let hasData = FileManager.default.fileExists(atPath: data)

  @Test(.enabled(if: hasModel && hasData))
  func aDataSetHasAsManyTokensAsItsAuthorsCounted() throws {
    let file = try GGUFFile(path: Self.model)
    let builder = SequenceBuilder(
      tokenizer: try Tokenizer(file.metadata), template: try .named("none"), sequenceLength: 1024)
    let data = try Dataset(paths: ["\(Self.data)/geoquery/train.jsonl"], builder: builder)
    #expect(data.sequences.count == 595)
    #expect((34_000...36_500).contains(data.tokenCount), "\(data.tokenCount)")
    // Joined plainly, without a model's end.
    #expect(data.notices.count == 1 && data.notices[0].contains("ends answers with no marker"))
  }

  @Test(.enabled(if: hasModel && hasData))
  func chatTargetsOfARealTemplateAreTheAnswerAndItsEnd() throws {
    let file = try GGUFFile(path: Self.model)
    let tokenizer = try Tokenizer(file.metadata)
    let builder = SequenceBuilder(
      tokenizer: tokenizer,
      template: try ChatTemplate.resolve("auto", file.metadata),
      sequenceLength: 1024)
    let record = DataRecord(
      content: .completion(prompt: "Which rivers are long?", completion: "The Mississippi."),
      line: 1)
    let sequence = try #require(try builder.sequences(of: record, path: "p").sequences.first)
    let targets = sequence.targets.filter { $0 >= 0 }
    #expect(tokenizer.decode(targets, skipSpecial: false) == "The Mississippi.<|im_end|>")
    let text = tokenizer.decode(sequence.ids, skipSpecial: false)
    #expect(text.hasPrefix("<|im_start|>system\n"))
    #expect(text.hasSuffix("<|im_start|>assistant\nThe Mississippi.<|im_end|>\n"))
  }

  @Test(.enabled(if: hasModel))
  func mergingOneLayerOfARealModelLeavesTheRestByteForByte() throws {
    let folder = try TemporaryFolder()
    let base = try GGUFFile(path: Self.model)
    let name = Projection.key.weightName(layer: 3)
    let matrix = try base.matrix(name)
    let pair = AdapterTensors(
      layer: 3, projection: .key, rank: 8, inputWidth: matrix.columns, outputWidth: matrix.rows,
      a: SmallBase.values(8 * matrix.columns, seed: 1).map { $0 * 0.02 },
      bt: SmallBase.values(8 * matrix.rows, seed: 2).map { $0 * 0.02 })
    let adapter = Adapter(
      tensors: [pair], alpha: 16, isRankStabilized: true, architecture: "llama")
    try adapter.writeGGUF(
      path: "\(folder.path)/adapter.gguf", base: base.metadata, name: "test")
    try adapter.writePEFT(
      folder: "\(folder.path)/peft", base: ModelConfiguration(base), baseName: "org/model")
    #expect(try Adapter(path: "\(folder.path)/peft", base: base) == adapter)
    let output = "\(folder.path)/merged.gguf"
    var merger = try Merger(
      base: base, adapter: try Adapter(path: folder.path, base: base), type: .keep, output: output)
    var changed: [String] = []
    while let step = try merger.next() {
      if !step.entry.isCopied { changed.append(step.entry.tensor.name) }
    }
    try merger.finish()
    #expect(changed == [name])
    let merged = try GGUFFile(path: output)
    for (before, after) in zip(base.tensors, merged.tensors) {
      #expect(before.name == after.name && before.dimensions == after.dimensions)
      guard before.name != name else { continue }
      #expect(
        base.file(of: before).bytes(before.fileRange)
          == merged.file(of: after).bytes(after.fileRange))
    }
    #expect(
      Set(base.metadata.keys).subtracting(merged.metadata.keys)
        .allSatisfy { $0.hasPrefix("quantize.imatrix.") })
  }
}
