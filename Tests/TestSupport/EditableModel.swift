public import ModelFiles
internal import Tensors

/// A model file taken apart, to be changed into a lie and written again. Data of tensors that stay are not copied.
public struct EditableModel {
  public var metadata: GGUFMetadata
  public var tensors: [Tensor]

  public struct Tensor {
    public var name: String
    /// Row length first.
    public var dimensions: [Int]
    /// Values that take the place of the file's; needed when `dimensions` change.
    public var values: [Float]?
    fileprivate var source: (file: MappedFile, range: Range<Int>)?
    fileprivate let format: BlockFormat

    /// A new float32 tensor; without values, all ones.
    public init(_ name: String, _ dimensions: [Int], values: [Float]? = nil) {
      self.name = name
      self.dimensions = dimensions
      self.values = values ?? Array(repeating: 1, count: dimensions.reduce(1, *))
      format = .f32
    }

    fileprivate init(_ tensor: GGUFTensor, _ format: BlockFormat, _ file: MappedFile) {
      (name, dimensions, self.format) = (tensor.name, tensor.dimensions, format)
      source = (file, tensor.fileRange)
    }
  }

  /// Only formats that Scion computes with.
  public init(_ file: GGUFFile) {
    metadata = file.metadata
    tensors = file.tensors.compactMap { tensor in
      tensor.format.map { Tensor(tensor, $0, file.file(of: tensor)) }
    }
    precondition(tensors.count == file.tensors.count)
  }

  /// The tensor of that name.
  public subscript(name: String) -> Tensor? {
    get { tensors.first { $0.name == name } }
    set {
      if let place = tensors.firstIndex(where: { $0.name == name }) {
        if let newValue { tensors[place] = newValue } else { tensors.remove(at: place) }
      } else if let newValue {
        tensors.append(newValue)
      }
    }
  }

  public func write(_ path: String) throws {
    var writer = try GGUFWriter(
      path: path, metadata: metadata,
      tensors: tensors.map {
        GGUFTensorDescription(name: $0.name, dimensions: $0.dimensions, format: $0.format)
      })
    for tensor in tensors {
      if let values = tensor.values {
        try writer.append(values: values)
      } else if let source = tensor.source {
        try writer.append(source.file, source.range)
      }
    }
    try writer.finish()
  }
}
