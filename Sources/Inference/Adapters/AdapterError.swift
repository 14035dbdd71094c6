public import ModelFiles
public import Transformer

/// What can be wrong with adapter files, or with putting an adapter onto a base.
public enum AdapterError: Error, Equatable, CustomStringConvertible {
  /// A GGUF file could not be read or written.
  case gguf(GGUFError)
  /// A safetensors file could not be read or written.
  case safetensors(SafetensorsError)
  /// Another file could not be written.
  case cannotWrite(WriteError)
  /// A file or folder that is not there or cannot be read or written; `reason` is the system's word.
  case file(path: String, reason: String)
  /// A folder without adapter.gguf or adapter_config.json.
  case notAnAdapter(path: String)
  /// A GGUF file that is no LoRA adapter; `found` says what it is.
  case notLoRA(path: String, found: String)
  /// An adapter made for a base of another architecture.
  case wrongArchitecture(path: String, expected: String, found: String)
  /// A tensor whose name is not `<base tensor>.lora_a` or `.lora_b` of a projection that can have adapters.
  case unsupportedTensor(path: String, name: String)
  /// A tensor that belongs to a layer the base does not have.
  case notInBase(path: String, name: String)
  /// A or B without its other half.
  case missingHalf(path: String, name: String)
  /// Two tensors of a file for the same A or B.
  case repeated(path: String, name: String)
  /// A shape that does not fit the base or the other half; row-major, outermost first.
  case wrongShape(path: String, name: String, expected: String, found: String)
  /// A file without a single pair.
  case noPairs(path: String)
  /// A value that is no finite number.
  case notFinite(path: String, name: String)
  /// adapter_config.json has another rank than the weights.
  case otherRank(path: String, configured: Int, name: String, rank: Int)
  /// Values of the base that are no numbers.
  case brokenBase(path: String, name: String)
  /// A setting of adapter_config.json that Scion does not carry out.
  case unsupportedSetting(path: String, key: String, value: String)
  /// Pairs of experts have no form in PEFT's file that Scion writes.
  case noPEFTForm(path: String)
  /// The base is no model that Scion runs.
  case unusableBase(TransformerError)
  /// A tensor of the base that cannot be decoded, and so not be changed.
  case cannotChange(path: String, name: String, format: String)
  /// The base and the output are one file.
  case sameFile(path: String)

  public var description: String {
    switch self {
    case .gguf(let error): error.description
    case .safetensors(let error): error.description
    case .cannotWrite(let error): error.description
    case .file(let path, let reason): "\(path): \(reason)"
    case .notAnAdapter(let path):
      "\(path) holds no adapter.gguf and no adapter_config.json: name the output folder of a training run, "
        + "an adapter.gguf or a PEFT folder"
    case .notLoRA(let path, let found):
      "\(path) is \(found), not a LoRA adapter: name an adapter.gguf"
    case .wrongArchitecture(let path, let expected, let found):
      "\(path) is for the architecture \(found), the base is \(expected): use the base it was trained on"
    case .unsupportedTensor(let path, let name):
      "\(path): the tensor \(name) is no adapter of a linear layer inside a block: Scion cannot apply it"
    case .notInBase(let path, let name):
      "\(path): the base has no tensor for \(name): use the base the adapter was trained on"
    case .missingHalf(let path, let name):
      "\(path): \(name) is missing though its other half is there: write the adapter again"
    case .repeated(let path, let name):
      "\(path): more than one tensor is \(name): save the adapter of the language model alone"
    case .wrongShape(let path, let name, let expected, let found):
      "\(path): \(name) is \(found) where \(expected) is needed: use the base the adapter was trained on"
    case .noPairs(let path):
      "\(path) holds no pair of A and B: write the adapter again"
    case .notFinite(let path, let name):
      "\(path): \(name) holds values that are not finite: train again with a lower learning rate"
    case .otherRank(let path, let configured, let name, let rank):
      "\(path) says rank \(configured) where \(name) has \(rank) rows: take configuration and weights of one adapter"
    case .brokenBase(let path, let name):
      "\(path) is broken: its tensor \(name) holds values that are not numbers; fetch or convert it again"
    case .unsupportedSetting(let path, let key, let value):
      "\(path): \(key) is \(value), which Scion does not support: use a plain LoRA adapter"
    case .noPEFTForm(let path):
      "\(path): adapters on experts cannot be written for PEFT: take adapter.gguf, or train without experts in --targets"
    case .unusableBase(let error): error.description
    case .cannotChange(let path, let name, let format):
      "\(path): \(name) is \(format), which Scion cannot decode: use a base in another format"
    case .sameFile(let path):
      "\(path) is both base and output: choose another output"
    }
  }
}
