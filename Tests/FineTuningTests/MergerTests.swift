import Inference
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

@testable import FineTuning

struct MergerTests {
  private func merge(
    _ folder: TemporaryFolder, _ base: GGUFFile, _ adapter: Adapter?, _ type: MergeType = .keep
  ) throws -> (file: GGUFFile, steps: [Merger.Step], notices: [String]) {
    let path = "\(folder.path)/merged.gguf"
    var merger = try Merger(base: base, adapter: adapter, type: type, output: path)
    let notices = merger.plan.notices
    var steps: [Merger.Step] = []
    while let step = try merger.next() { steps.append(step) }
    try merger.finish()
    return (try GGUFFile(path: path), steps, notices)
  }

  private func values(_ file: GGUFFile, _ name: String) throws -> [Float] {
    let matrix = try file.matrix(name)
    return Codec.decode(matrix, rows: 0..<matrix.rows)
  }

  private func bytes(_ file: GGUFFile, _ name: String) throws -> [UInt8] {
    let tensor = try #require(file.tensor(name))
    return file.file(of: tensor).bytes(tensor.fileRange)
  }

  @Test func mergedFloatsAreBasePlusScaledProduct() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .f32)
    let adapter = SmallBase.adapter()
    let (file, steps, _) = try merge(folder, base, adapter)
    for pair in adapter.tensors {
      let expected = zip(
        try values(base, pair.tensorName), SmallBase.delta(pair, scale: 8)
      ).map { $0 + $1 }
      #expect(SmallBase.distance(try values(file, pair.tensorName), expected) < 1e-4)
    }
    #expect(steps.count == base.tensors.count)
    #expect(steps.map(\.index) == Array(0..<steps.count))
    #expect(steps.filter { $0.relativeChange > 0 }.count == 7)
  }

  @Test(arguments: [BlockFormat.q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .f16, .bf16])
  func keepReencodesInTheTensorsOwnFormat(format: BlockFormat) throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: format)
    let adapter = SmallBase.adapter()
    let (file, _, notices) = try merge(folder, base, adapter)
    #expect(notices.isEmpty)
    for pair in adapter.tensors {
      let weights = zip(
        try values(base, pair.tensorName), SmallBase.delta(pair, scale: 8)
      ).map { $0 + $1 }
      let found = try #require(file.tensor(pair.tensorName))
      #expect(found.format == format)
      let expected = Codec.decode(
        Codec.encode(weights, as: format, columns: pair.inputWidth), as: format)
      // Sums in another order may round to a neighbouring step of a block.
      let largest = weights.map(abs).max() ?? 0
      let step: Float =
        switch format {
        case .q4_0, .q4_1: 0.2
        case .q5_0, .q5_1: 0.1
        default: 0.01
        }
      #expect(SmallBase.distance(try values(file, pair.tensorName), expected) <= largest * step)
      #expect(SmallBase.distance(try values(file, pair.tensorName), weights) <= largest * step)
    }
  }

  @Test func keepCopiesUnchangedTensorsByteForByte() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .q4_1)
    let adapter = SmallBase.adapter()
    let one = Adapter(
      tensors: [adapter.tensors[0]], alpha: 16, isRankStabilized: true, architecture: "llama")
    let (file, steps, _) = try merge(folder, base, one)
    #expect(file.tensors.map(\.name) == base.tensors.map(\.name))
    for tensor in base.tensors {
      let same = try bytes(file, tensor.name) == bytes(base, tensor.name)
      #expect(same == (tensor.name != adapter.tensors[0].tensorName), "\(tensor.name)")
    }
    #expect(steps.count { !$0.entry.isCopied } == 1)
  }

  @Test func anAdapterOfZerosLeavesFloatsAndQ8AsTheyAre() throws {
    for format in [BlockFormat.f32, .f16, .bf16, .q8_0] {
      let folder = try TemporaryFolder()
      let base = try SmallBase.write("\(folder.path)/base.gguf", format: format)
      var tensors = SmallBase.adapter().tensors
      for index in tensors.indices { tensors[index].bt = tensors[index].bt.map { _ in 0 } }
      let zero = Adapter(
        tensors: tensors, alpha: 16, isRankStabilized: true, architecture: "llama")
      let (file, _, _) = try merge(folder, base, zero)
      for pair in tensors {
        #expect(
          SmallBase.distance(try values(file, pair.tensorName), try values(base, pair.tensorName))
            < 1e-3)
      }
    }
  }

  @Test func aNamedFormatConvertsMatricesAndLeavesNorms() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .f16)
    let (file, _, _) = try merge(folder, base, SmallBase.adapter(), .format(.q8_0))
    #expect(file.tensor("blk.0.attn_norm.weight")?.format == .f32)
    #expect(file.tensor("token_embd.weight")?.format == .q8_0)
    #expect(file.metadata["general.file_type"] == .uint32(7))
    #expect(
      SmallBase.distance(
        try values(file, "token_embd.weight"), try values(base, "token_embd.weight")) < 0.02)
  }

  @Test func metadataAreCopiedInOrderWithTheirOrigin() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .q4_0)
    let (file, _, _) = try merge(folder, base, SmallBase.adapter())
    #expect(file.metadata["quantize.imatrix.file"] == nil)
    #expect(file.metadata["general.file_type"] == .uint32(2))
    #expect(file.metadata.string("general.name") == "Small LoRA")
    #expect(file.metadata.string("general.finetune") == "lora")
    #expect(file.metadata.string("general.base_model.0.name") == "Small")
    #expect(file.metadata.strings("tokenizer.ggml.tokens") == ["a", "b"])
    let kept = base.metadata.keys.filter { !$0.hasPrefix("quantize.") }
    #expect(file.metadata.keys.filter { kept.contains($0) } == kept)
  }

  @Test func withoutAdapterAModelIsOnlyConverted() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .f32)
    let (file, _, _) = try merge(folder, base, nil, .format(.q4_0))
    #expect(file.metadata.string("general.name") == "Small")
    #expect(file.metadata["general.base_model.count"] == nil)
    #expect(file.tensor("blk.0.attn_q.weight")?.format == .q4_0)
  }

  @Test func refusesAdaptersOfAnotherBaseAndWritesNothing() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    let pair = AdapterTensors(
      layer: 3, projection: .query, rank: 1, inputWidth: 64, outputWidth: 64,
      a: [Float](repeating: 0, count: 64), bt: [Float](repeating: 0, count: 64))
    let adapter = Adapter(
      tensors: [pair], alpha: 1, isRankStabilized: false, architecture: "llama")
    #expect(throws: AdapterError.self) { _ = try merge(folder, base, adapter) }
    #expect(throws: AdapterError.sameFile(path: base.path)) {
      _ = try Merger(base: base, adapter: nil, type: .keep, output: base.path)
    }
    #expect(try folder.names() == ["base.gguf"])
  }

  @Test func aSplitBaseBecomesOneFile() throws {
    let folder = try TemporaryFolder()
    let whole = try SmallBase.write("\(folder.path)/base.gguf")
    let paths = try SplitModel.write(
      whole, tensors: [2, 3, whole.tensors.count - 5], folder: folder.path, name: "split")
    let split = try GGUFFile(path: paths[1])
    let adapter = SmallBase.adapter()
    for type in [MergeType.keep, .format(.q4_0)] {
      let (expected, steps, without) = try merge(folder, whole, adapter, type)
      let hash = expected.sha256()
      let (file, splitSteps, notices) = try merge(folder, split, adapter, type)
      #expect(file.files.count == 1 && file.sha256() == hash)
      #expect(splitSteps.map(\.relativeChange) == steps.map(\.relativeChange))
      #expect(
        notices == ["the 3 parts of the base become one file, without the split.* keys"] + without)
      #expect(!file.metadata.keys.contains { $0.hasPrefix("split.") })
    }
    for path in paths {
      #expect(throws: AdapterError.sameFile(path: path)) {
        _ = try Merger(base: split, adapter: nil, type: .keep, output: path)
      }
    }
  }

  @Test func anUnfinishedMergeLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf")
    do {
      var merger = try Merger(
        base: base, adapter: nil, type: .keep, output: "\(folder.path)/merged.gguf")
      _ = try merger.next()
    }
    #expect(try folder.names() == ["base.gguf"])
  }

  @Test func whatCannotBeEncodedBecomesQ8WhenItChangesAndIsCopiedWhenNot() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/base.gguf"
    let names = ["blk.0.attn_q.weight", "blk.0.attn_k.weight"]
    var writer = try GGUFWriter(
      path: path, metadata: SmallBase.metadata(),
      tensors: names.map { GGUFTensorDescription(name: $0, dimensions: [256, 4], format: .q3_K) })
    for value in [UInt8(0), 0x11] {
      try writer.append([UInt8](repeating: value, count: 4 * BlockFormat.q3_K.blockByteCount))
    }
    try writer.finish()
    let base = try GGUFFile(path: path)
    let pair = AdapterTensors(
      layer: 0, projection: .query, rank: 1, inputWidth: 256, outputWidth: 4,
      a: [Float](repeating: 1, count: 256), bt: [1, 2, 3, 4])
    let adapter = Adapter(
      tensors: [pair], alpha: 2, isRankStabilized: false, architecture: "llama")
    let (file, _, notices) = try merge(folder, base, adapter)
    #expect(file.tensor(names[0])?.format == .q8_0)
    #expect(notices == ["blk.0.attn_q.weight: Q8_0, since Scion cannot encode Q3_K"])
    #expect(try bytes(file, names[1]) == bytes(base, names[1]))
    let expected = [2, 4, 6, 8].flatMap { [Float](repeating: $0, count: 256) }
    #expect(SmallBase.distance(try values(file, names[0]), expected) < 0.01)
  }

  @Test(
    arguments: zip([BlockFormat.q4_K, .q5_K, .q6_K], [BlockFormat.q5_0, .q5_1, .q8_0]))
  func rowsOfNoWholeSuperblocksFallBackAsInLlama(
    format: BlockFormat, smaller: BlockFormat
  ) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/base.gguf"
    let rows = ["whole": 512, "part": 576, "half": 96, "odd": 48]
    let names = ["whole", "part", "half", "odd"]
    var writer = try GGUFWriter(
      path: path, metadata: SmallBase.metadata(),
      tensors: names.map { name in
        GGUFTensorDescription(name: name, dimensions: [rows[name] ?? 0, 3], format: .f32)
      })
    var originals: [[Float]] = []
    for (seed, name) in names.enumerated() {
      originals.append(SmallBase.values(3 * (rows[name] ?? 0), seed: UInt64(seed + 1)))
      try writer.append(values: originals[seed])
    }
    try writer.finish()
    let (file, _, notices) = try merge(folder, try GGUFFile(path: path), nil, .format(format))
    #expect(file.tensors.map(\.format) == [format, smaller, smaller, .f16])
    for (name, original) in zip(names, originals) {
      #expect(SmallBase.distance(try values(file, name), original) < 0.25, "\(name)")
    }
    #expect(
      notices == [
        "part: \(smaller.name), since rows of 576 are no whole \(format.name) blocks",
        "half: \(smaller.name), since rows of 96 are no whole \(format.name) blocks",
        "odd: F16, since rows of 48 are no whole \(format.name) blocks",
      ])
  }

  @Test func noticesThatSayTheSameAreOne() throws {
    let folder = try TemporaryFolder()
    let base = try SmallBase.write("\(folder.path)/base.gguf", format: .f32)
    let plan = try MergePlan(base: base, adapter: nil, type: .format(.q4_K))
    #expect(
      plan.notices == [
        "token_embd.weight and 6 others: Q5_0, since rows of 64 are no whole Q4_K blocks",
        "blk.0.ffn_down.weight: Q5_0, since rows of 96 are no whole Q4_K blocks",
      ])
  }

  @Test func superblocksAreMergedInTheirOwnFormat() throws {
    for format in [BlockFormat.q4_K, .q5_K, .q6_K, .iq4_NL] {
      let folder = try TemporaryFolder()
      let path = "\(folder.path)/base.gguf"
      let name = Projection.query.weightName(layer: 0)
      var writer = try GGUFWriter(
        path: path, metadata: SmallBase.metadata(),
        tensors: [GGUFTensorDescription(name: name, dimensions: [256, 4], format: format)])
      try writer.append(values: SmallBase.values(1024, seed: 5))
      try writer.finish()
      let base = try GGUFFile(path: path)
      let pair = AdapterTensors(
        layer: 0, projection: .query, rank: 1, inputWidth: 256, outputWidth: 4,
        a: [Float](repeating: 1, count: 256), bt: [1, 2, 3, 4])
      let adapter = Adapter(
        tensors: [pair], alpha: 2, isRankStabilized: false, architecture: "llama")
      let (file, _, notices) = try merge(folder, base, adapter)
      #expect(notices.isEmpty && file.tensor(name)?.format == format)
      let expected = zip(try values(base, name), SmallBase.delta(pair, scale: 2)).map { $0 + $1 }
      #expect(SmallBase.distance(try values(file, name), expected) < 1, "\(format.name)")
    }
  }

  @Test func rowsOfNoWholeBlocksBecomeF16() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/base.gguf"
    var writer = try GGUFWriter(
      path: path, metadata: SmallBase.metadata(),
      tensors: [GGUFTensorDescription(name: "a.weight", dimensions: [48, 2], format: .f32)])
    try writer.append(values: SmallBase.values(96, seed: 1))
    try writer.finish()
    let (file, _, notices) = try merge(folder, try GGUFFile(path: path), nil, .format(.q8_0))
    #expect(file.tensor("a.weight")?.format == .f16)
    #expect(notices.count == 1)
  }

  @Test func namesOfFormatsAreReadInAnyCase() {
    #expect(MergeType("Q8_0") == .format(.q8_0))
    #expect(MergeType("keep") == .keep)
    #expect(MergeType("q4_k") == .format(.q4_K) && MergeType("IQ4_NL") == .format(.iq4_NL))
    #expect(MergeType("q3_k") == nil && MergeType("other") == nil)
    #expect(MergeType.names.allSatisfy { MergeType($0) != nil })
  }
}
