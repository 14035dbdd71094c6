internal import Foundation

/// Whether two paths name one file, however they are spelled (`base.gguf`, `./base.gguf`, a link): asked before a file is
/// replaced that is still needed.
public enum FileIdentity {
  /// Of two files that do not exist yet, whether they would be one: the same name in the same folder. False when only one
  /// of the two exists.
  public static func same(_ first: String, _ second: String) -> Bool {
    switch (identity(first), identity(second)) {
    case (let first?, let second?): first == second
    case (nil, nil):
      name(first) == name(second) && identity(folder(first)) != nil
        && identity(folder(first)) == identity(folder(second))
    default: false
    }
  }

  private static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).lastPathComponent
  }

  private static func folder(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
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
