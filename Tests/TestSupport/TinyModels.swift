internal import Foundation
public import ModelFiles
internal import Tensors
public import Testing
internal import Transformer

/// One of the tiny models of `scripts/make-tiny-models`, with the numbers that it must compute.
public struct TinyModel: Sendable, CustomTestStringConvertible {
  public let numbers: ReferenceNumbers

  public var name: String { numbers.name }
  public var testDescription: String { name }

  /// The file with all weights in float32.
  public func file() throws -> GGUFFile { try GGUFFile(path: TinyModels.path("\(name).gguf")) }

  /// The file with its matrices in Q8_0.
  public func roundedFile() throws -> GGUFFile {
    try GGUFFile(path: TinyModels.path("\(name)-q8_0.gguf"))
  }
}

/// All tiny models, found by their fixtures in Tests/Fixtures/architectures.
public enum TinyModels {
  /// Those whose architecture Scion has.
  public static let all = fixtures.filter { supported.contains($0.numbers.architecture) }

  /// The first of each architecture.
  public static let ofEachArchitecture = all.enumerated().filter { place, model in
    all.firstIndex { $0.numbers.architecture == model.numbers.architecture } == place
  }.map(\.element)

  /// All that there are numbers for.
  public static let fixtures: [TinyModel] = {
    let folder = TestFiles.root.appendingPathComponent("Tests/Fixtures/architectures")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".json") }.sorted().compactMap { name in
      // A fixture that cannot be read is missing from the list, which a test counts.
      (try? ReferenceNumbers(contentsOf: folder.appendingPathComponent(name)))
        .map { TinyModel(numbers: $0) }
    }
  }()

  /// Names of the architectures that Scion has, as an unknown one is told.
  private static let supported: [String] = {
    var metadata = GGUFMetadata()
    metadata.set("general.architecture", .string("none of them"))
    do {
      let folder = try TemporaryFolder()
      let path = "\(folder.path)/none.gguf"
      var writer = try GGUFWriter(
        path: path, metadata: metadata,
        tensors: [GGUFTensorDescription(name: "one", dimensions: [1], format: .f32)])
      try writer.append(values: [1])
      try writer.finish()
      _ = try ModelConfiguration(GGUFFile(path: path))
    } catch TransformerError.unsupportedArchitecture(_, let supported) {
      return supported
    } catch {}
    return []
  }()

  // MARK: - Files

  private static let folder = TestFiles.root.appendingPathComponent(".build-tests/tiny-models")

  /// The path of a file of the models' folder, which is made or completed on the first call of the process. The script
  /// checks the digests of the files against those that the numbers were computed with.
  public static func path(_ file: String) throws -> String {
    if let failure = making { throw failure }
    return folder.appendingPathComponent(file).path
  }

  /// The model `name` with all weights in float32.
  public static func file(_ name: String) throws -> GGUFFile {
    try GGUFFile(path: path("\(name).gguf"))
  }

  /// Why the models could not be made.
  public struct NotMade: Error, CustomStringConvertible {
    public let description: String
  }

  private static let making: NotMade? = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "python3", "-B", TestFiles.root.appendingPathComponent("scripts/make-tiny-models").path,
      folder.path,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    do {
      try process.run()
      let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      if process.terminationStatus == 0 { return nil }
      return NotMade(
        description: "scripts/make-tiny-models failed: \(String(decoding: said, as: UTF8.self))")
    } catch {
      return NotMade(description: "scripts/make-tiny-models did not run: \(error)")
    }
  }()
}
