public import Foundation
public import Testing

/// Files that tests use when they are there: a real model under `models`, references in the folder beside the package.
/// Tests that need them are skipped without them.
public enum TestFiles {
  /// The package's folder.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Path of the real model.
  public static var realModel: String {
    root.appendingPathComponent("models/SmolLM2-135M-Instruct.Q4_1.gguf").path
  }

  /// A file of the shared folder.
  public static func shared(_ path: String) -> URL {
    root.deletingLastPathComponent().appendingPathComponent("shared/\(path)")
  }

  /// Path of a tiny trained model (260 thousand weights, float32).
  public static var stories: String { shared("models/stories260K.gguf").path }

  public static var hasRealModel: Bool { exists(realModel) }
  public static var hasShared: Bool { exists(shared("reference").path) }
  public static var hasSharedArchitectures: Bool { exists(shared("reference/architectures").path) }
  public static var hasStories: Bool { exists(stories) }

  private static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
  }
}

extension Tag {
  /// Runs a real model: seconds, not milliseconds.
  @Tag public static var realModel: Self
}
