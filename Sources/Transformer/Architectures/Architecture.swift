internal import ModelFiles

/// A kind of decoder: turns the metadata and the tensor names of its files into a `ModelConfiguration`.
///
/// An architecture is one file in this folder and one entry of `all`. It names steps that `Block` knows and computes nothing.
struct Architecture: Sendable {
  typealias Configure =
    @Sendable (inout ArchitectureReader) throws(TransformerError) -> ModelConfiguration

  /// `general.architecture`.
  let name: String
  let configure: Configure

  init(_ name: String, _ configure: @escaping Configure) {
    self.name = name
    self.configure = configure
  }

  static let all: [Architecture] = [
    llama, mistral3, qwen2, qwen3, qwen3moe, gemma2, gemma3, phi3, smollm3, granite, granitemoe,
    olmo2,
    stablelm,
  ]

  /// The configuration of a model file. Throws `TransformerError` for an adapter, an unknown architecture, and any setting that
  /// is missing, unusable or would not be used.
  static func configuration(
    of file: GGUFFile
  ) throws(TransformerError) -> ModelConfiguration {
    guard let name = file.metadata.string("general.architecture") else {
      throw .missingMetadata(key: "general.architecture")
    }
    guard file.metadata.string("general.type") != "adapter" else { throw .adapterInsteadOfModel }
    guard let architecture = all.first(where: { $0.name == name }) else {
      throw .unsupportedArchitecture(name: name, supported: all.map(\.name))
    }
    var reader = ArchitectureReader(file, architecture: name)
    var configuration = try architecture.configure(&reader)
    try reader.checkRest()
    configuration.auxiliaryTensors = reader.usedTensors
    configuration.notices = reader.notices
    return configuration
  }
}
