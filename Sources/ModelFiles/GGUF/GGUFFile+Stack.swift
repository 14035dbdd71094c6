public import Tensors

extension GGUFFile {
  /// The matrices [dimensions[1], dimensions[0]] of a three-dimensional tensor, one for each place of its slowest dimension:
  /// the weights of a layer's experts.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` unless there are three dimensions.
  public func matrices(_ name: String) throws(GGUFError) -> [QuantizedMatrix] {
    guard let tensor = tensor(name) else { throw .missingTensor(path: file.path, name: name) }
    guard let format = tensor.format else {
      throw .unsupportedFormat(path: file.path, tensor: name, type: tensor.typeName)
    }
    guard tensor.dimensions.count == 3 else {
      throw .unexpectedShape(
        path: file.path, tensor: name, dimensions: tensor.dimensions,
        expected: "a stack of matrices")
    }
    let rows = tensor.dimensions[1]
    let bytes = rows * format.rowByteCount(tensor.dimensions[0])
    return (0..<tensor.dimensions[2]).map { index in
      QuantizedMatrix(
        file: file, offset: tensor.offset + index * bytes, format: format, rows: rows,
        columns: tensor.dimensions[0])
    }
  }
}
