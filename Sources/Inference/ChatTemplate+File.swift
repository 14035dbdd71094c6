public import ModelFiles
internal import Tensors
public import Tokenization

/// Which template a name means.
extension ChatTemplate {
  /// The template `name`: "auto" is the model's own, others are `NamedTemplates` or the path of a
  /// file. A model without one (a base model that never learned to chat) joins turns plainly, as
  /// "none" does.
  ///
  /// Throws `TokenizationError`.
  public static func resolve(
    _ name: String, _ metadata: GGUFMetadata
  ) throws(TokenizationError) -> ChatTemplate {
    if name == "auto" {
      if let own = try own(metadata) { return own }
      return try named("none", metadata)
    }
    if NamedTemplates.names.contains(name) { return try named(name, metadata) }
    var template = try ChatTemplate(path: name)
    template.takeTokens(of: metadata)
    return template
  }

  /// The template in the file at `path`. Throws `unknownTemplate`, `unreadableTemplate` or
  /// `malformedTemplate`.
  public init(path: String) throws(TokenizationError) {
    let bytes: [UInt8]
    do {
      let file = try MappedFile(path: path)
      guard file.byteCount <= Self.longestSource else {
        throw TokenizationError.unreadableTemplate(
          path: path, reason: "\(file.byteCount) bytes are more than a template has")
      }
      bytes = file.bytes(0..<file.byteCount)
    } catch let error as TokenizationError {
      throw error
    } catch TensorError.cannotMap(_, let reason) {
      // A word without a dot or slash was meant as a name.
      guard path.contains(where: { "./".contains($0) }) else { throw .unknownTemplate(path) }
      throw .unreadableTemplate(path: path, reason: reason)
    } catch {
      throw .unreadableTemplate(path: path, reason: "\(error)")
    }
    guard let source = String(validating: bytes, as: UTF8.self) else {
      throw .unreadableTemplate(path: path, reason: "not UTF-8 text")
    }
    try self.init(name: path, source: source)
  }

  /// Bytes of the longest template read: a thousand times what models have.
  private static let longestSource = 16 << 20
}
