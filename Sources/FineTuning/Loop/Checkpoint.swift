internal import Foundation
internal import ModelFiles
internal import Tensors

/// One checkpoint, `step-N/`: everything for going on after step N exactly as if nothing had happened.
///
/// - `tensors.safetensors`: the adapters' masters and the optimizer's moments, as they lie in memory.
/// - `state.json`: the `TrainingState` and the run's fingerprint.
/// - `best.gguf` and its PEFT files, `init.json`, `init.svg` where there are: the best adapter so far, and what the start
///   reported.
/// - `manifest.json`: size and SHA-256 of each of the others.
///
/// It is written under a temporary name and renamed when all is on the disk.
struct Checkpoint {
  static let tensors = "tensors.safetensors"
  static let state = "state.json"
  static let manifest = "manifest.json"
  /// The best adapter's files by the name they have here, with the run's.
  static let best = [
    "best.gguf": RunDirectory.Name.adapter,
    "best-adapter_config.json": RunDirectory.Name.peft[0],
    "best-adapter_model.safetensors": RunDirectory.Name.peft[1],
  ]
  /// Files of the run that are taken along, by the name they have here.
  static let copies = best.merging([
    RunDirectory.Name.initialization: RunDirectory.Name.initialization,
    RunDirectory.Name.initializationPicture: RunDirectory.Name.initializationPicture,
  ]) { $1 }
  static let fileNames = [manifest, tensors, state] + copies.keys.sorted()

  /// What `state.json` holds.
  struct Contents: Codable, Equatable {
    var fingerprint: RunFingerprint
    var state: TrainingState
  }

  struct Manifest: Codable {
    struct Entry: Codable, Equatable {
      let bytes: Int
      let sha256: String
    }

    var version = 1
    var files: [String: Entry]
  }

  /// Why a folder is no checkpoint, or no whole one.
  struct Damage: Error, CustomStringConvertible {
    let description: String
  }

  let path: String
  let contents: Contents
  let names: Set<String>

  // MARK: - Read

  /// Opens the checkpoint at `path` and checks every byte of it.
  init(path: String) throws(Damage) {
    self.path = path
    guard let data = FileManager.default.contents(atPath: "\(path)/\(Self.manifest)") else {
      throw Damage(description: "\(path) has no \(Self.manifest)")
    }
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: data),
      manifest.version == 1,
      Set(manifest.files.keys).isSuperset(of: [Self.tensors, Self.state])
    else { throw Damage(description: "\(path)/\(Self.manifest) is damaged") }
    for (name, entry) in manifest.files.sorted(by: { $0.key < $1.key }) {
      guard Self.fileNames.contains(name) else {
        throw Damage(description: "\(path)/\(Self.manifest) is damaged")
      }
      let file = "\(path)/\(name)"
      guard FileManager.default.fileExists(atPath: file) else {
        throw Damage(description: "\(file) is missing")
      }
      guard (try? Self.entry(file)) == entry else {
        throw Damage(description: "\(file) is damaged")
      }
    }
    names = Set(manifest.files.keys)
    guard let data = FileManager.default.contents(atPath: "\(path)/\(Self.state)"),
      let contents = try? JSONDecoder.scion.decode(Contents.self, from: data)
    else { throw Damage(description: "\(path)/\(Self.state) cannot be read by this version") }
    self.contents = contents
  }

  private static func entry(_ file: String) throws -> Manifest.Entry {
    let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
    return Manifest.Entry(bytes: size ?? 0, sha256: try MappedFile.sha256(path: file))
  }

  /// Fills `trainer` with what it was. Throws `Damage` for a checkpoint of other matrices, before anything is changed.
  func restore(_ trainer: Trainer) throws {
    let file = try SafetensorsFile(path: "\(path)/\(Self.tensors)")
    let parts = trainer.state
    for (name, values) in parts {
      guard let tensor = file.tensor(name), tensor.byteCount == values.byteCount,
        tensor.type == values.type.safetensorsFormat.name
      else { throw Damage(description: "\(path) is of other adapters: \(name) does not fit") }
    }
    for (name, values) in parts {
      guard let tensor = file.tensor(name) else { continue }
      for range in Self.pieces(values) {
        let start = tensor.offset + range.lowerBound * values.type.byteCount
        values.slice(range.lowerBound, rows: 1, columns: range.count).assign(
          bytes: file.file.bytes(start..<start + range.count * values.type.byteCount))
      }
    }
    trainer.resume(at: contents.state.steps)
  }

  // MARK: - Write

  /// Writes the checkpoint `path`, complete or not at all, with those of the files `copies` that lie in the run's folder; of the
  /// best adapter only if it `hasBest`.
  static func write(
    path: String, _ contents: Contents, _ trainer: Trainer, from run: String, hasBest: Bool
  ) throws {
    var folder = try OutputFolder(besides: path)
    var files: [String: Manifest.Entry] = [:]
    func add(_ name: String, _ file: String) throws { files[name] = try entry(file) }

    let tensors = folder.file(Self.tensors)
    let parts = trainer.state
    var writer = try SafetensorsWriter(
      path: tensors,
      tensors: parts.map {
        SafetensorsTensorDescription(
          name: $0.name, shape: [$0.values.count], format: $0.values.type.safetensorsFormat)
      }, metadata: ["format": "scion checkpoint"])
    for (_, values) in parts {
      // A few at a time: a copy of the whole would count as memory.
      for range in pieces(values) {
        try writer.append(values.slice(range.lowerBound, rows: 1, columns: range.count).bytes())
      }
    }
    try writer.finish()
    try add(Self.tensors, tensors)

    let state = folder.file(Self.state)
    let encoder = JSONEncoder.scion
    encoder.outputFormatting.insert(.prettyPrinted)
    try AtomicFile.write(path: state, bytes: Array(encoder.encode(contents)) + Array("\n".utf8))
    try add(Self.state, state)

    for (name, source) in copies.sorted(by: { $0.key < $1.key })
    where hasBest || best[name] == nil {
      let source = "\(run)/\(source)"
      guard FileManager.default.fileExists(atPath: source) else { continue }
      let file = folder.file(name)
      try copy(source, to: file)
      try add(name, file)
    }
    let manifest = folder.file(Self.manifest)
    try AtomicFile.write(
      path: manifest, bytes: Array(encoder.encode(Manifest(files: files))) + Array("\n".utf8))
    CheckpointStore.remove(path)
    try folder.publish()
  }

  /// A copy that shares nothing with its source, complete or not there.
  static func copy(_ source: String, to target: String) throws {
    let mapped = try MappedFile(path: source)
    var file = try AtomicFile(path: target)
    let length = 1 << 22
    for start in stride(from: 0, to: mapped.byteCount, by: length) {
      let range = start..<min(start + length, mapped.byteCount)
      try file.append(mapped, range)
      mapped.releasePages(range)
    }
    try file.finish()
  }

  private static func pieces(_ values: Matrix) -> [Range<Int>] {
    let length = 1 << 18
    return stride(from: 0, to: values.count, by: length).map {
      $0..<min($0 + length, values.count)
    }
  }
}

extension ElementType {
  /// The type of the same bytes in a safetensors file. What calls itself bfloat16 may be any 16 bits here.
  fileprivate var safetensorsFormat: BlockFormat {
    switch self {
    case .float32: .f32
    case .bfloat16: .bf16
    }
  }
}
