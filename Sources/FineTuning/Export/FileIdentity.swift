internal import Foundation

/// Whether two paths name one file, however they are spelled (`base.gguf`, `./base.gguf`, a link): asked before a file is
/// replaced that is still needed.
public enum FileIdentity {
  /// False when one of the two does not exist.
  public static func same(_ first: String, _ second: String) -> Bool {
    guard let first = identity(first), let second = identity(second) else { return false }
    return first == second
  }

  /// File system and number of the file that `path` leads to, links followed.
  private static func identity(_ path: String) -> [Int]? {
    let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolved),
      let volume = attributes[.systemNumber] as? Int,
      let number = attributes[.systemFileNumber] as? Int
    else { return nil }
    return [volume, number]
  }
}
