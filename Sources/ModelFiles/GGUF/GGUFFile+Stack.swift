public import Tensors

extension GGUFFile {
  /// The matrices [dimensions[1], dimensions[0]] of a three-dimensional tensor, one for each place of its slowest dimension:
  /// the weights of a layer's experts.
  ///
  /// Throws `missingTensor`, `unsupportedFormat`, or `unexpectedShape` unless there are three dimensions.
  public func matrices(_ name: String) throws(GGUFError) -> [QuantizedMatrix] {
    guard let tensor = tensor(name) else { throw .missingTensor(path: path, name: name) }
    let all = try rows(of: tensor)
    guard tensor.dimensions.count == 3 else {
      throw .unexpectedShape(
        path: all.file.path, tensor: name, dimensions: tensor.dimensions,
        expected: "a stack of matrices")
    }
    let rows = tensor.dimensions[1]
    let bytes = rows * all.format.rowByteCount(all.columns)
    return (0..<tensor.dimensions[2]).map { index in
      QuantizedMatrix(
        file: all.file, offset: all.offset + index * bytes, format: all.format, rows: rows,
        columns: all.columns)
    }
  }
}
