public import ModelFiles

/// A model as the parts that llama-gguf-split makes of it: the metadata in the first part only, with `split.no`,
/// `split.count` and `split.tensors.count` in each.
public enum SplitModel {
  /// One part before it is written; a test may change it into a lie.
  public struct Part {
    public var metadata: GGUFMetadata
    public var tensors: [GGUFTensor]
  }

  /// Writes `name-00001-of-0000N.gguf` and so on into `folder`, the tensors in order and in runs of the given lengths (which
  /// may be 0). Returns the paths.
  public static func write(
    _ model: GGUFFile, tensors lengths: [Int], folder: String, name: String = "model",
    change: (_ index: Int, _ part: inout Part) -> Void = { _, _ in }
  ) throws -> [String] {
    precondition(lengths.reduce(0, +) == model.tensors.count && lengths.count < 10)
    var paths: [String] = []
    var start = 0
    for (index, length) in lengths.enumerated() {
      var part = Part(
        metadata: index == 0 ? model.metadata : GGUFMetadata(),
        tensors: Array(model.tensors[start..<start + length]))
      start += length
      part.metadata.set("split.no", .uint16(UInt16(index)))
      part.metadata.set("split.count", .uint16(UInt16(lengths.count)))
      part.metadata.set("split.tensors.count", .int32(Int32(model.tensors.count)))
      change(index, &part)
      let path = "\(folder)/\(name)-0000\(index + 1)-of-0000\(lengths.count).gguf"
      var writer = try GGUFWriter(
        path: path, metadata: part.metadata, tensors: part.tensors.map(GGUFTensorDescription.init))
      for tensor in part.tensors {
        try writer.append(model.file(of: tensor), tensor.fileRange)
      }
      try writer.finish()
      paths.append(path)
    }
    return paths
  }
}
