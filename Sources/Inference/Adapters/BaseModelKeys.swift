public import ModelFiles

/// `general.base_model.*`: which model an adapter or a merged model was made from.
public struct BaseModelKeys {
  /// The base's name, or nil when it has none.
  public let name: String?
  public let organization: String?
  public let repository: String?

  /// What the metadata of a base say of itself.
  public init(_ base: GGUFMetadata) {
    name = base.string("general.name")
    organization = base.string("general.organization")
    repository = base.string("general.repo_url") ?? base.string("general.source.repo_url")
  }

  /// Replaces what `metadata` says of its base models by this one.
  public func write(to metadata: inout GGUFMetadata) {
    for key in metadata.keys where key.hasPrefix("general.base_model.") { metadata.remove(key) }
    guard let name else { return }
    metadata.set("general.base_model.count", .uint32(1))
    metadata.set("general.base_model.0.name", .string(name))
    if let organization { metadata.set("general.base_model.0.organization", .string(organization)) }
    if let repository { metadata.set("general.base_model.0.repo_url", .string(repository)) }
  }
}
