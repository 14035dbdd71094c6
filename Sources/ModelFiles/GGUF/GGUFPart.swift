import Tensors

/// One GGUF file by itself, mapped and validated as a whole: after `init` every tensor lies inside the file, aligned, in
/// whole blocks, sharing bytes with no other. `GGUFFile` is made of one of them, or of all parts of a split model.
struct GGUFPart {
  let file: MappedFile
  let version: UInt32
  let metadata: GGUFMetadata
  let alignment: Int
  /// In the order of the file's table.
  let tensors: [GGUFTensor]

  init(path: String) throws(GGUFError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch {
      if case .cannotMap(_, let reason) = error { throw .cannotOpen(path: path, reason: reason) }
      throw .cannotOpen(path: path, reason: error.description)
    }
    try self.init(file)
  }

  init(_ file: MappedFile) throws(GGUFError) {
    var reader = GGUFReader(file)
    let header = try reader.header()
    let metadata = try reader.metadata(count: header.entries)
    let alignment = try GGUFFile.alignment(metadata, path: file.path)
    let infos = try reader.tensors(count: header.tensors)
    let padding = (alignment - reader.position % alignment) % alignment
    self.file = file
    self.version = header.version
    self.metadata = metadata
    self.alignment = alignment
    self.tensors = try GGUFPart.place(
      infos, dataStart: UInt64(reader.position + padding), alignment: alignment, in: file)
  }

  /// Absolute places, each checked against the file and against its neighbours.
  private static func place(
    _ infos: [GGUFTensorInfo], dataStart: UInt64, alignment: Int, in file: MappedFile
  ) throws(GGUFError) -> [GGUFTensor] {
    var tensors: [GGUFTensor] = []
    tensors.reserveCapacity(infos.count)
    for info in infos {
      guard info.offset % UInt64(alignment) == 0 else {
        throw .misalignedTensor(
          path: file.path, tensor: info.name, offset: info.offset, alignment: alignment)
      }
      let (start, startOverflow) = dataStart.addingReportingOverflow(info.offset)
      let (end, endOverflow) = start.addingReportingOverflow(UInt64(info.byteCount))
      guard !startOverflow && !endOverflow && end <= UInt64(file.byteCount) else {
        throw .tensorPastEnd(
          path: file.path, tensor: info.name, start: startOverflow ? info.offset : start,
          end: startOverflow || endOverflow ? .max : end, fileSize: file.byteCount)
      }
      tensors.append(
        GGUFTensor(
          name: info.name, dimensions: info.dimensions, typeID: info.typeID,
          format: BlockFormat(rawValue: info.typeID), offset: Int(start), byteCount: info.byteCount)
      )
    }
    // Padding is zeros; anything else belongs to no tensor (two files in one, a download gone wrong).
    let end = tensors.map { $0.offset + $0.byteCount }.max() ?? Int(dataStart)
    guard isZero(file, from: min(end, file.byteCount)) else {
      throw .dataAfterTensors(path: file.path, end: end, fileSize: file.byteCount)
    }
    let sorted = tensors.sorted { $0.offset < $1.offset }
    for (first, second) in zip(sorted, sorted.dropFirst())
    where second.offset < first.offset + first.byteCount {
      throw .overlappingTensors(
        path: file.path, first: first.name, second: second.name, offset: second.offset)
    }
    return tensors
  }

  /// Whether the file is nothing but zeros from `start` on.
  private static func isZero(_ file: MappedFile, from start: Int) -> Bool {
    var start = start
    while start < file.byteCount {
      let end = min(start + 1 << 16, file.byteCount)
      guard file.bytes(start..<end).allSatisfy({ $0 == 0 }) else { return false }
      start = end
    }
    return true
  }
}

// MARK: - Splits

extension GGUFPart {
  /// Parts of the model that this file belongs to, from its metadata; nil for a whole file.
  var splitCount: Int? { metadata.int("split.count").flatMap { $0 > 1 ? $0 : nil } }

  /// This part and its siblings, which lie beside it, in order. Each is checked by itself and against the others.
  func siblings() throws(GGUFError) -> [GGUFPart] {
    guard let count = splitCount else { return [self] }
    guard let name = GGUFSplitName(path: file.path) else {
      throw .unnamedPart(path: file.path, count: count)
    }
    try expect("split.count", name.count)
    try expect("split.no", name.index)
    guard let total = metadata.int("split.tensors.count") else {
      throw .contradictoryPart(
        path: file.path, key: "split.tensors.count", found: nil, expected: nil)
    }
    var parts: [GGUFPart] = []
    for index in 0..<count {
      if index == name.index {
        parts.append(self)
        continue
      }
      let part: GGUFPart
      do { part = try GGUFPart(path: name.path(of: index)) } catch {
        guard case .cannotOpen(let path, let reason) = error else { throw error }
        throw .missingPart(path: path, reason: reason, number: index + 1, count: count)
      }
      try part.expect("split.count", count)
      try part.expect("split.no", index)
      try part.expect("split.tensors.count", total)
      parts.append(part)
    }
    try GGUFPart.checkTensors(parts, total: total)
    return parts
  }

  private func expect(_ key: String, _ expected: Int) throws(GGUFError) {
    let found = metadata.int(key)
    guard found == expected else {
      throw .contradictoryPart(path: file.path, key: key, found: found, expected: expected)
    }
  }

  /// Every tensor once, and as many as were announced.
  private static func checkTensors(_ parts: [GGUFPart], total: Int) throws(GGUFError) {
    var owners: [String: String] = [:]
    for part in parts {
      for tensor in part.tensors {
        if let owner = owners.updateValue(part.file.path, forKey: tensor.name) {
          throw .tensorInTwoParts(name: tensor.name, first: owner, second: part.file.path)
        }
      }
    }
    guard owners.count == total else {
      throw .wrongTensorTotal(
        path: parts[0].file.path, parts: parts.count, found: owners.count, expected: total)
    }
  }
}
