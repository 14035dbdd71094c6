internal import Foundation
internal import ModelFiles
internal import Tensors
internal import Transformer

/// What an unfinished start has found so far, in a folder of its own, so that after a kill or ctrl-C the same command goes on
/// where it was: the pairs and reports of each finished block, and the gradient below the last one.
///
/// The folder holds `state.json`, the fingerprint of all that the start depends on; `block-L.safetensors`, written whole or
/// not at all; and `gradient-L.bin`, the gradient below block L, [tokens, width] float32 of each micro-batch, end to end. A
/// folder of another fingerprint is emptied. `remove` deletes it when the start is finished.
public final class StartStore {
  /// A finished block.
  struct Block {
    let reports: [AdapterStartReport]
    /// A, then Bᵀ of each report's matrix, row by row.
    let pairs: [(a: [Float], bt: [Float])]
    /// Mean loss of the base over the initialisation data.
    let loss: Double
    /// SHA-256 of the gradient below it; empty for the lowest block and for starts without a backward.
    let gradientHash: String
  }

  private struct State: Codable {
    let fingerprint: [String: String]
  }

  public let folder: String
  /// One sentence when an unfinished start in the folder could not be continued.
  public private(set) var notice: String?
  /// By layer.
  private(set) var blocks: [Int: Block] = [:]

  /// Opens or makes `folder`. `fingerprint` names everything that determines the start, by the flag or thing a user would
  /// know. Throws `RunDirectory.Failure`.
  public init(folder: String, fingerprint: [String: String]) throws(RunDirectory.Failure) {
    self.folder = folder
    let manager = FileManager.default
    let stateFile = "\(folder)/state.json"
    if manager.fileExists(atPath: folder) {
      let old = manager.contents(atPath: stateFile)
        .flatMap { try? JSONDecoder().decode(State.self, from: $0) }
      if old?.fingerprint == fingerprint {
        readBlocks()
        return
      }
      let changed = old.map { state in
        Set(state.fingerprint.keys).union(fingerprint.keys).sorted()
          .filter { state.fingerprint[$0] != fingerprint[$0] }
      }
      let reason = changed.map { "differs in \($0.joined(separator: ", "))" } ?? "is not readable"
      notice = "the unfinished start in \(folder) \(reason): it begins anew"
      try remove()
    }
    do {
      try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .cannotMake(path: folder, reason: "the folder cannot be made")
    }
    do {
      let encoder = JSONEncoder.scion
      encoder.outputFormatting.insert(.prettyPrinted)
      try AtomicFile.write(
        path: stateFile, bytes: Array(encoder.encode(State(fingerprint: fingerprint))))
    } catch let error as WriteError {
      throw .cannotWrite(error)
    } catch {
      throw .cannotWrite(.failed(path: stateFile, operation: "encode", reason: "\(error)"))
    }
  }

  /// Deletes all files of a start, and the folder when nothing else is in it.
  public func remove() throws(RunDirectory.Failure) {
    blocks = [:]
    try Self.remove(folder: folder)
  }

  /// The same without reading what is there; nothing where there is no such folder.
  static func remove(folder: String) throws(RunDirectory.Failure) {
    let manager = FileManager.default
    guard manager.fileExists(atPath: folder) else { return }
    do {
      for name in try manager.contentsOfDirectory(atPath: folder) where isOwn(name) {
        try manager.removeItem(atPath: "\(folder)/\(name)")
      }
      if try manager.contentsOfDirectory(atPath: folder).isEmpty {
        try manager.removeItem(atPath: folder)
      }
    } catch {
      throw .cannotMake(path: folder, reason: "it cannot be deleted")
    }
  }

  private static func isOwn(_ name: String) -> Bool {
    let plain = name.hasPrefix(".") && name.hasSuffix(".tmp") ? name.dropFirst() : name[...]
    return plain.hasPrefix("state.json") || plain.hasPrefix("block-")
      || plain.hasPrefix("gradient-")
  }

  private func blockFile(_ layer: Int) -> String { "\(folder)/block-\(layer).safetensors" }
  private func gradientFile(_ layer: Int) -> String { "\(folder)/gradient-\(layer).bin" }

  // MARK: - Write

  /// Writes a finished block. `gradient` hands the gradient below it to its argument, micro-batch by micro-batch; nil where
  /// none will be needed. The gradient below an earlier block is deleted once this one is safe.
  func save(
    layer: Int, reports: [AdapterStartReport], pairs: [(a: [Float], bt: [Float])], loss: Double,
    gradient: (((Matrix) throws -> Void) throws -> Void)?
  ) throws {
    precondition(reports.count == pairs.count)
    let hash = try gradient.map { try writeGradient(layer, $0) } ?? ""
    let encoder = JSONEncoder.scion
    let metadata = [
      "reports": String(decoding: try encoder.encode(reports), as: UTF8.self),
      "loss": "\(loss)", "gradient": hash,
    ]
    let tensors = reports.flatMap { report in
      [
        SafetensorsTensorDescription(
          name: "\(report.name).a", shape: [report.rank, report.columns], format: .f32),
        SafetensorsTensorDescription(
          name: "\(report.name).bt", shape: [report.rank, report.rows], format: .f32),
      ]
    }
    var writer = try SafetensorsWriter(
      path: blockFile(layer), tensors: tensors, metadata: metadata)
    for pair in pairs {
      try writer.append(values: pair.a)
      try writer.append(values: pair.bt)
    }
    try writer.finish()
    for other in names(prefix: "gradient-") where other.layer != layer {
      try? FileManager.default.removeItem(atPath: gradientFile(other.layer))
    }
  }

  /// Some rows at a time: a copy of the whole would count as memory.
  private static func parts(of matrix: Matrix) -> [Matrix] {
    let rows = max(1, (1 << 18) / max(matrix.byteCount / max(matrix.rows, 1), 1))
    return stride(from: 0, to: matrix.rows, by: rows).map {
      matrix.rows($0..<min($0 + rows, matrix.rows))
    }
  }

  /// Not synced: after a power cut its hash tells whether it is whole.
  private func writeGradient(
    _ layer: Int, _ gradient: ((Matrix) throws -> Void) throws -> Void
  ) throws -> String {
    let path = gradientFile(layer)
    let temporary = path + ".tmp"
    do {
      guard FileManager.default.createFile(atPath: temporary, contents: nil),
        let handle = FileHandle(forWritingAtPath: temporary)
      else {
        throw WriteError.notPermitted(path: path, reason: "the file cannot be created")
      }
      try gradient { matrix in
        for part in Self.parts(of: matrix) { try handle.write(contentsOf: Data(part.bytes())) }
      }
      try handle.close()
      let hash = try MappedFile(path: temporary).sha256()
      try? FileManager.default.removeItem(atPath: path)
      try FileManager.default.moveItem(atPath: temporary, toPath: path)
      return hash
    } catch let error as CocoaError {
      throw RunDirectory.Failure.cannotWrite(
        .failed(path: path, operation: "write", reason: error.localizedDescription))
    }
  }

  // MARK: - Read

  /// Hands a finished block out, once: its pairs need not stay in memory.
  func take(_ layer: Int) -> Block? { blocks.removeValue(forKey: layer) }

  /// Blocks `name-L…` of the folder.
  private func names(prefix: String) -> [(layer: Int, name: String)] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      guard name.hasPrefix(prefix), let end = name.firstIndex(of: ".") else { return nil }
      return Int(name[name.index(name.startIndex, offsetBy: prefix.count)..<end])
        .map { ($0, name) }
    }
  }

  private func readBlocks() {
    for (layer, name) in names(prefix: "block-") where name.hasSuffix(".safetensors") {
      blocks[layer] = readBlock(layer)
    }
  }

  /// nil for a file that is not whole: its block is done again.
  private func readBlock(_ layer: Int) -> Block? {
    guard let file = try? SafetensorsFile(path: blockFile(layer)),
      let text = file.metadata["reports"],
      let reports = try? JSONDecoder.scion.decode(
        [AdapterStartReport].self, from: Data(text.utf8)),
      let loss = file.metadata["loss"].flatMap(Double.init)
    else { return nil }
    var pairs: [(a: [Float], bt: [Float])] = []
    for report in reports {
      guard let a = try? file.values("\(report.name).a"),
        let bt = try? file.values("\(report.name).bt"),
        a.count == report.rank * report.columns, bt.count == report.rank * report.rows
      else { return nil }
      pairs.append((a, bt))
    }
    return Block(
      reports: reports, pairs: pairs, loss: loss, gradientHash: file.metadata["gradient"] ?? "")
  }

  /// The lowest of the blocks that lie without a gap under the top of `layers`, with everything to go on below it; nil when
  /// there is none.
  func lowestFinished(of layers: Range<Int>, lowest: Int) -> Int? {
    var found: Int?
    for layer in layers.reversed() {
      guard let block = blocks[layer] else { break }
      if layer <= lowest || hasGradient(layer, block.gradientHash) { found = layer }
    }
    return found
  }

  private func hasGradient(_ layer: Int, _ hash: String) -> Bool {
    guard !hash.isEmpty, let file = try? MappedFile(path: gradientFile(layer)) else {
      return false
    }
    return file.sha256() == hash
  }

  /// Fills one micro-batch's gradient below block `layer` after the other, in the order in which they were saved.
  func gradientReader(_ layer: Int) -> (Matrix) throws -> Void {
    let path = gradientFile(layer)
    let handle = FileHandle(forReadingAtPath: path)
    return { matrix in
      for part in Self.parts(of: matrix) {
        let bytes = try handle?.read(upToCount: part.byteCount) ?? Data()
        guard bytes.count == part.byteCount else {
          throw RunDirectory.Failure.cannotMake(path: path, reason: "it is too short")
        }
        part.assign(bytes: Array(bytes))
      }
    }
  }
}
