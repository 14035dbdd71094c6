/// What can be wrong with a GGUF file, one case a cause; every text ends with what to do, where something can
/// be done.
public enum GGUFError: Error, Equatable, CustomStringConvertible {
  // MARK: The file

  /// The file cannot be opened or mapped.
  case cannotOpen(path: String, reason: String)
  /// The file does not begin with the four bytes `GGUF`; `found` shows what it begins with.
  case notGGUF(path: String, found: String)
  /// The file was written for big-endian machines.
  case bigEndian(path: String)
  /// A version other than 2 and 3.
  case unsupportedVersion(path: String, version: UInt32)
  /// `field`, at byte `offset`, needs `needed` bytes, but the file ends at `fileSize`.
  case truncated(path: String, field: String, offset: Int, needed: UInt64, fileSize: Int)

  // MARK: Parts of a split model

  /// One of several parts, under a name that does not tell the others' names.
  case unnamedPart(path: String, count: Int)
  /// Part `number` (from 1) of `count` cannot be opened.
  case missingPart(path: String, reason: String, number: Int, count: Int)
  /// A `split.*` key is not what the part's name, or the other parts, need; `found` is nil when it is not there, `expected`
  /// when any value would do.
  case contradictoryPart(path: String, key: String, found: Int?, expected: Int?)
  /// One tensor in two parts.
  case tensorInTwoParts(name: String, first: String, second: String)
  /// All parts together hold more or fewer tensors than `split.tensors.count`; `path` is the first part.
  case wrongTensorTotal(path: String, parts: Int, found: Int, expected: Int)

  // MARK: Metadata

  /// A count of metadata entries, tensors or array elements above the cap.
  case countTooLarge(path: String, field: String, count: UInt64, limit: Int)
  /// A string longer than the cap.
  case stringTooLong(path: String, field: String, length: UInt64, limit: Int)
  /// A string that is not UTF-8.
  case invalidText(path: String, field: String, offset: Int)
  /// Arrays of arrays deeper than the cap.
  case nestedTooDeep(path: String, key: String, limit: Int)
  /// A value type that GGUF does not define.
  case unknownValueType(path: String, key: String, typeID: UInt32)
  /// A truth value that is neither 0 nor 1.
  case invalidBool(path: String, key: String, found: UInt8)
  /// Two metadata entries with one key.
  case duplicateKey(path: String, key: String)
  /// `general.alignment` is no 32-bit power of two between 8 and the cap.
  case invalidAlignment(path: String, found: String)

  // MARK: Tensors

  /// Two tensors with one name.
  case duplicateTensor(path: String, name: String)
  /// A tensor with 0 or more than 4 dimensions.
  case invalidDimensionCount(path: String, tensor: String, count: UInt32)
  /// A dimension that is 0 or does not fit 63 bits.
  case invalidDimension(path: String, tensor: String, index: Int, found: UInt64)
  /// Dimensions whose product, or its bytes, do not fit 63 bits.
  case tensorTooLarge(path: String, tensor: String, dimensions: [Int])
  /// A tensor type that GGUF does not define.
  case unknownTensorType(path: String, tensor: String, typeID: UInt32)
  /// A row that is no whole number of blocks.
  case partialBlock(path: String, tensor: String, rowLength: Int, type: String, blockLength: Int)
  /// A tensor whose data do not begin on the file's alignment.
  case misalignedTensor(path: String, tensor: String, offset: UInt64, alignment: Int)
  /// A tensor whose bytes `start..<end` do not lie inside the file.
  case tensorPastEnd(path: String, tensor: String, start: UInt64, end: UInt64, fileSize: Int)
  /// Bytes other than zeros follow the last tensor, which ends at `end`.
  case dataAfterTensors(path: String, end: Int, fileSize: Int)
  /// Two tensors that share bytes, from `offset` on.
  case overlappingTensors(path: String, first: String, second: String, offset: Int)

  // MARK: Use

  /// A tensor that was asked for is not in the file.
  case missingTensor(path: String, name: String)
  /// A tensor of a type that Scion does not compute with.
  case unsupportedFormat(path: String, tensor: String, type: String)
  /// A tensor of another shape than its use needs.
  case unexpectedShape(path: String, tensor: String, dimensions: [Int], expected: String)

  // MARK: Writing

  /// The system refused to write.
  case cannotWrite(WriteError)
  /// Data of a tensor did not come in the announced size.
  case wrongDataSize(path: String, tensor: String, expected: Int, found: Int)
  /// Data came after the last tensor was complete.
  case dataAfterLastTensor(path: String)

  /// One sentence, whatever the names in the file are.
  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .cannotOpen(let path, let reason):
      "cannot read \(path): \(reason); give the path of a GGUF file"
    case .notGGUF(let path, let found):
      "\(path) is not a GGUF file: it begins with \(found) instead of GGUF; "
        + "give a .gguf model, or download the file itself if this is a pointer or a web page"
    case .bigEndian(let path):
      "\(path) is a big-endian GGUF file, for other processors than this one: convert it with "
        + "gguf-py's gguf-convert-endian, or download the little-endian file"
    case .unsupportedVersion(let path, let version):
      "\(path) has GGUF version \(version), versions 2 and 3 are supported: "
        + "download or convert the model anew"
    case .truncated(let path, let field, let offset, let needed, let fileSize):
      "\(path) is truncated: \(field) needs \(needed) bytes from \(offset) on but the file ends at "
        + "\(fileSize); download it again"
    case .unnamedPart(let path, let count):
      "\(path) is one of \(count) parts of a split model, but its name does not end like "
        + "-00001-of-\(String(repeating: "0", count: max(0, 5 - String(count).count)))\(count).gguf, "
        + "by which the others are found: give all parts their names back"
    case .missingPart(let path, let reason, let number, let count):
      "cannot read \(path), part \(number) of \(count) of a split model: \(reason); put all parts "
        + "into one folder"
    case .contradictoryPart(let path, let key, let found, let expected):
      "\(path) has \(found.map { "\(key) \($0)" } ?? "no \(key)")"
        + (expected.map { " where \($0) is needed" } ?? "")
        + ": it is renamed or a part of another model; download the parts again"
    case .tensorInTwoParts(let name, let first, let second):
      "\(first) and \(second) both hold the tensor \(name): they are parts of different models, or "
        + "one is a copy of the other; download the parts again"
    case .wrongTensorTotal(let path, let parts, let found, let expected):
      "the \(parts) parts of \(path) hold \(found) tensors where \(expected) are announced: "
        + "one is of another model; download the parts again"
    case .countTooLarge(let path, let field, let count, let limit):
      "\(path) is damaged: \(field) is \(count), at most \(limit) are possible; download it again"
    case .stringTooLong(let path, let field, let length, let limit):
      "\(path) is damaged: \(field) has \(length) bytes, at most \(limit) are allowed; "
        + "download it again"
    case .invalidText(let path, let field, let offset):
      "\(path) is damaged: \(field) at byte \(offset) is not UTF-8; download it again"
    case .nestedTooDeep(let path, let key, let limit):
      "\(path) nests the arrays of \(key) more than \(limit) deep: it is damaged; download it again"
    case .unknownValueType(let path, let key, let typeID):
      "\(path) gives \(key) the value type \(typeID), which GGUF does not define; download it again"
    case .invalidBool(let path, let key, let found):
      "\(path) is damaged: \(key) is a truth value but holds \(found); download it again"
    case .duplicateKey(let path, let key):
      "\(path) defines \(key) twice: write the model anew with its converter"
    case .invalidAlignment(let path, let found):
      "\(path) has general.alignment \(found): a power of two from 8 to "
        + "\(GGUFLimits.alignment) as uint32 is needed; convert the model anew"
    case .duplicateTensor(let path, let name):
      "\(path) holds the tensor \(name) twice: write the model anew with its converter"
    case .invalidDimensionCount(let path, let tensor, let count):
      "\(path) gives tensor \(tensor) \(count) dimensions, 1 to 4 are possible; download it again"
    case .invalidDimension(let path, let tensor, let index, let found):
      "\(path) gives tensor \(tensor) the size \(found) in dimension \(index); download it again"
    case .tensorTooLarge(let path, let tensor, let dimensions):
      "\(path) gives tensor \(tensor) the impossible size \(shapeText(dimensions)); download it again"
    case .unknownTensorType(let path, let tensor, let typeID):
      "\(path) gives tensor \(tensor) the type \(typeID), which GGUF does not define (any more): "
        + "quantize the model anew with a current llama-quantize"
    case .partialBlock(let path, let tensor, let rowLength, let type, let blockLength):
      "\(path) gives tensor \(tensor) rows of \(rowLength) values, which are no whole \(type) blocks "
        + "of \(blockLength); quantize the model anew"
    case .misalignedTensor(let path, let tensor, let offset, let alignment):
      "\(path) puts tensor \(tensor) at data offset \(offset), no multiple of \(alignment); "
        + "download it again"
    case .tensorPastEnd(let path, let tensor, let start, let end, let fileSize):
      "\(path) is truncated: tensor \(tensor) needs bytes \(start)..<\(end) but the file ends at "
        + "\(fileSize); download it again"
    case .dataAfterTensors(let path, let end, let fileSize):
      "\(path) is damaged: its last tensor ends at byte \(end) but foreign bytes follow up to "
        + "\(fileSize); download it again"
    case .overlappingTensors(let path, let first, let second, let offset):
      "\(path) is damaged: tensors \(first) and \(second) share bytes from \(offset) on; "
        + "download it again"
    case .missingTensor(let path, let name):
      "\(path) has no tensor \(name): it is another kind of model, or only part of one"
    case .unsupportedFormat(let path, let tensor, let type):
      "\(path) holds tensor \(tensor) as \(type), which scion does not compute with: requantize the "
        + "original model to Q8_0, Q4_K_M or Q4_0 with llama-quantize"
    case .unexpectedShape(let path, let tensor, let dimensions, let expected):
      "\(path) gives tensor \(tensor) the shape \(shapeText(dimensions)), \(expected) is needed: "
        + "it is another kind of model"
    case .cannotWrite(let error):
      error.description
    case .wrongDataSize(let path, let tensor, let expected, let found):
      "\(path) was not written: tensor \(tensor) has \(expected) bytes but \(found) came"
    case .dataAfterLastTensor(let path):
      "\(path) was not written: data came after its last tensor was complete"
    }
  }
}

/// `[576 x 49152]`.
func shapeText(_ dimensions: [Int]) -> String {
  "[" + dimensions.map(String.init).joined(separator: " x ") + "]"
}
