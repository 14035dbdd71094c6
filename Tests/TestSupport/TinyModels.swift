internal import Foundation
public import ModelFiles

public enum TinyModels {
  public static func file(_ name: String) throws -> GGUFFile {
    try GGUFFile(
      path: TestFiles.root.appendingPathComponent(".build-tests/tiny-models/\(name).gguf").path)
  }
}
