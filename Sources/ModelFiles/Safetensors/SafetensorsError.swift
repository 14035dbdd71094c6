/// What can be wrong with a safetensors file, one case a cause.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible {
  // MARK: The file

  /// The file cannot be opened or mapped.
  case cannotOpen(path: String, reason: String)
  /// Fewer than the eight bytes of the header's length.
  case tooShort(path: String, fileSize: Int)
  /// A header above the cap.
  case headerTooLarge(path: String, length: UInt64, limit: Int)
  /// A header that is longer than the file.
  case headerPastEnd(path: String, length: Int, fileSize: Int)
  /// A header that is not the JSON object that the format asks for.
  case invalidHeader(path: String, reason: String)
  /// Two entries with one name.
  case duplicateName(path: String, name: String)

  // MARK: Tensors

  /// An element type that safetensors does not define.
  case unknownType(path: String, tensor: String, type: String)
  /// A negative size, or sizes whose product overflows.
  case invalidShape(path: String, tensor: String, shape: [Int])
  /// Offsets that are negative, or that end before they start.
  case invalidOffsets(path: String, tensor: String, start: Int, end: Int)
  /// Offsets that do not span `expected` bytes, what type and shape need.
  case wrongByteCount(path: String, tensor: String, expected: Int, found: Int)
  /// Bytes that do not lie inside the file.
  case tensorPastEnd(path: String, tensor: String, end: Int, dataSize: Int)
  /// Bytes that belong to the tensor before, too.
  case overlappingTensors(path: String, first: String, second: String, offset: Int)
  /// Bytes `start..<end` of the data belong to no tensor; the format forbids holes.
  case hole(path: String, start: Int, end: Int)

  // MARK: Use

  /// A tensor that was asked for is not in the file.
  case missingTensor(path: String, name: String)
  /// A tensor of a type that Scion does not compute with.
  case unsupportedType(path: String, tensor: String, type: String)
  /// A tensor of another shape than its use needs.
  case unexpectedShape(path: String, tensor: String, shape: [Int], expected: String)

  // MARK: Writing

  /// The system refused to write.
  case cannotWrite(WriteError)
  /// A format that safetensors has no type for.
  case unwritableFormat(path: String, tensor: String, format: String)
  /// Data of a tensor did not come in the announced size.
  case wrongDataSize(path: String, tensor: String, expected: Int, found: Int)
  /// Data came after the last tensor was complete.
  case dataAfterLastTensor(path: String)

  public var description: String {
    switch self {
    case .cannotOpen(let path, let reason):
      "cannot read \(path): \(reason); give the path of a safetensors file"
    case .tooShort(let path, let fileSize):
      "\(path) is not a safetensors file: it has \(fileSize) bytes, at least 8 are needed; "
        + "download it again"
    case .headerTooLarge(let path, let length, let limit):
      "\(path) is not a safetensors file: it announces a header of \(length) bytes, at most "
        + "\(limit) are allowed; check that it is the file you mean"
    case .headerPastEnd(let path, let length, let fileSize):
      "\(path) is truncated: its header needs bytes 8..<\(length + 8) but the file ends at "
        + "\(fileSize); download it again"
    case .invalidHeader(let path, let reason):
      "\(path) has a damaged header: \(reason); download it again"
    case .duplicateName(let path, let name):
      "\(path) holds the tensor \(name) twice: save the file anew"
    case .unknownType(let path, let tensor, let type):
      "\(path) gives tensor \(tensor) the unknown type \(type): save it as F32, F16 or BF16"
    case .invalidShape(let path, let tensor, let shape):
      "\(path) gives tensor \(tensor) the impossible shape \(shapeText(shape)); download it again"
    case .invalidOffsets(let path, let tensor, let start, let end):
      "\(path) gives tensor \(tensor) the impossible bytes \(start) to \(end); download it again"
    case .wrongByteCount(let path, let tensor, let expected, let found):
      "\(path) gives tensor \(tensor) \(found) bytes where its shape needs \(expected); "
        + "download it again"
    case .tensorPastEnd(let path, let tensor, let end, let dataSize):
      "\(path) is truncated: tensor \(tensor) ends at byte \(end) of the data but they end at "
        + "\(dataSize); download it again"
    case .overlappingTensors(let path, let first, let second, let offset):
      "\(path) is damaged: tensors \(first) and \(second) share bytes from \(offset) on; "
        + "download it again"
    case .hole(let path, let start, let end):
      "\(path) is damaged: bytes \(start)..<\(end) of its data belong to no tensor; "
        + "download it again"
    case .missingTensor(let path, let name):
      "\(path) has no tensor \(name): it is another kind of model, or only part of one"
    case .unsupportedType(let path, let tensor, let type):
      "\(path) holds tensor \(tensor) as \(type): save it as F32, F16 or BF16"
    case .unexpectedShape(let path, let tensor, let shape, let expected):
      "\(path) gives tensor \(tensor) the shape \(shapeText(shape)), \(expected) is needed"
    case .cannotWrite(let error):
      error.description
    case .unwritableFormat(let path, let tensor, let format):
      "\(path) cannot hold tensor \(tensor) as \(format): choose F32, F16 or BF16"
    case .wrongDataSize(let path, let tensor, let expected, let found):
      "\(path) was not written: tensor \(tensor) has \(expected) bytes but \(found) came"
    case .dataAfterLastTensor(let path):
      "\(path) was not written: data came after its last tensor was complete"
    }
  }
}
