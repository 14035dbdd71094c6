import Testing

@testable import ModelFiles

/// Hostile and damaged GGUF files: each is refused with its cause, none crashes the reader.
@Suite struct GGUFReaderTests {
  let path = "hostile.gguf"

  func expect(
    _ error: GGUFError, _ location: SourceLocation = #_sourceLocation,
    _ change: (inout GGUFBytes) -> Void
  ) {
    var raw = GGUFBytes()
    change(&raw)
    #expect(throws: error, sourceLocation: location) { try raw.read() }
  }

  // MARK: - Header

  @Test func rejectsAnotherMagic() {
    expect(.notGGUF(path: path, found: "'vers'")) { $0.magic = Array("vers".utf8) }
    expect(.notGGUF(path: path, found: "bytes 50 4b 3 4")) { $0.magic = [0x50, 0x4B, 3, 4] }
  }

  @Test func rejectsAnEmptyFile() {
    #expect(throws: GGUFError.self) { try GGUFFile(name: path, bytes: []) }
  }

  @Test(arguments: [1, 2, 3] as [UInt32])
  func rejectsBigEndianFilesWithTheirOwnMessage(version: UInt32) {
    expect(.bigEndian(path: path)) { $0.version = version.byteSwapped }
    let text = GGUFError.bigEndian(path: path).description
    #expect(text.hasPrefix("hostile.gguf is a big-endian GGUF file"))
    #expect(text.contains("convert it with gguf-py's gguf-convert-endian"))
  }

  @Test(arguments: [0, 1, 4, 0x1_0003] as [UInt32])
  func rejectsOtherVersions(version: UInt32) {
    expect(.unsupportedVersion(path: path, version: version)) { $0.version = version }
  }

  @Test(arguments: [1, 1 << 40, .max] as [UInt64])
  func rejectsTensorCountThatOverflows(count: UInt64) {
    expect(
      .countTooLarge(path: path, field: "the number of tensors", count: count, limit: 0)
    ) { $0.tensorCount = count }
  }

  @Test func rejectsEntryCountLargerThanFile() {
    expect(
      .countTooLarge(
        path: path, field: "the number of metadata entries", count: 1 << 63, limit: 0)
    ) { $0.entryCount = 1 << 63 }
  }

  @Test func rejectsAPartWhoseNameTellsNoOthers() {
    expect(.unnamedPart(path: path, count: 3)) {
      $0.entry("split.count", type: 2, GGUFBytes.integer(UInt16(3)))
    }
  }

  @Test func acceptsASplitModelOfOnePart() throws {
    var raw = GGUFBytes()
    raw.entry("split.count", type: 2, GGUFBytes.integer(UInt16(1)))
    #expect(try raw.read().metadata.int("split.count") == 1)
  }

  // MARK: - Metadata

  @Test func rejectsStringLongerThanFile() {
    // Counts 24, key 8 + 1, type 4, length 8.
    expect(
      .truncated(path: path, field: "k", offset: 45, needed: 100, fileSize: 48)
    ) { $0.entry("k", type: 8, GGUFBytes.integer(UInt64(100)) + [1, 2, 3]) }
  }

  @Test(arguments: [1 << 27, 1 << 63, .max] as [UInt64])
  func rejectsStringLengthThatOverflows(length: UInt64) {
    expect(
      .stringTooLong(path: path, field: "k", length: length, limit: GGUFLimits.string)
    ) { $0.entry("k", type: 8, GGUFBytes.integer(length)) }
  }

  @Test func rejectsKeyLongerThanTheFormatAllows() {
    expect(
      .stringTooLong(
        path: path, field: "metadata key 0", length: 70_000, limit: GGUFLimits.key)
    ) { $0.entry(String(repeating: "k", count: 70_000), type: 0, [0]) }
  }

  @Test func rejectsTextThatIsNotUTF8() {
    expect(.invalidText(path: path, field: "k", offset: 45)) {
      $0.entry("k", type: 8, GGUFBytes.integer(UInt64(2)) + [0xC3, 0x28])
    }
  }

  @Test(arguments: [1 << 27, 1 << 60, .max] as [UInt64])
  func rejectsArrayLengthThatOverflows(count: UInt64) {
    expect(
      .countTooLarge(
        path: path, field: "the length of k", count: count, limit: GGUFLimits.array)
    ) { $0.entry("k", type: 9, GGUFBytes.integer(UInt32(12)) + GGUFBytes.integer(count)) }
  }

  @Test(arguments: [0, 4, 7, 8, 9, 12] as [UInt32])
  func rejectsArrayLongerThanFile(type: UInt32) throws {
    var raw = GGUFBytes()
    raw.entry("k", type: 9, GGUFBytes.integer(type) + GGUFBytes.integer(UInt64(1 << 20)))
    let error = try #require(throws: GGUFError.self) { try raw.read() }
    guard case .truncated(_, "k", 49, _, 49) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func rejectsArraysNestedTooDeep() {
    expect(.nestedTooDeep(path: path, key: "k", limit: GGUFLimits.depth)) {
      let level = GGUFBytes.integer(UInt32(9)) + GGUFBytes.integer(UInt64(1))
      $0.entry("k", type: 9, (0..<100_000).flatMap { _ in level })
    }
  }

  @Test(arguments: [13, 255, .max] as [UInt32])
  func rejectsUnknownValueTypes(type: UInt32) {
    expect(.unknownValueType(path: path, key: "k", typeID: type)) {
      $0.entry("k", type: type, [0, 0, 0, 0, 0, 0, 0, 0])
    }
    expect(.unknownValueType(path: path, key: "k", typeID: type)) {
      $0.entry("k", type: 9, GGUFBytes.integer(type) + GGUFBytes.integer(UInt64(0)))
    }
  }

  @Test func rejectsTruthValuesThatAreNeitherZeroNorOne() {
    expect(.invalidBool(path: path, key: "k", found: 2)) { $0.entry("k", type: 7, [2]) }
    expect(.invalidBool(path: path, key: "k", found: 3)) {
      $0.entry("k", type: 9, GGUFBytes.integer(UInt32(7)) + GGUFBytes.integer(UInt64(2)) + [1, 3])
    }
  }

  @Test func rejectsAKeyThatComesTwice() {
    expect(.duplicateKey(path: path, key: "k")) {
      $0.entry("k", type: 0, [1])
      $0.entry("k", type: 0, [1])
    }
  }

  @Test(arguments: [0, 1, 4, 24, 33, 1 << 31] as [UInt32])
  func rejectsImpossibleAlignments(alignment: UInt32) {
    expect(.invalidAlignment(path: path, found: String(alignment))) {
      $0.entry("general.alignment", type: 4, GGUFBytes.integer(alignment))
    }
  }

  @Test func rejectsAnAlignmentOfAnotherType() {
    expect(.invalidAlignment(path: path, found: "of another type")) {
      $0.entry("general.alignment", type: 8, GGUFBytes.text("32"))
    }
  }

  // MARK: - Tensors

  @Test(arguments: [0, 5, .max] as [UInt32])
  func rejectsImpossibleDimensionCounts(count: UInt32) {
    expect(.invalidDimensionCount(path: path, tensor: "t", count: count)) {
      $0.tensor("t", [1], dimensionCount: count)
    }
  }

  @Test(arguments: [0, 1 << 63, .max] as [UInt64])
  func rejectsImpossibleDimensions(size: UInt64) {
    expect(.invalidDimension(path: path, tensor: "t", index: 1, found: size)) {
      $0.tensor("t", [1, size])
    }
  }

  @Test(arguments: [[1 << 62], [1 << 32, 1 << 32], [1 << 31, 1 << 31, 2], [1 << 60, 8]])
  func rejectsDimensionsWhoseProductOverflows(dimensions: [Int]) {
    expect(.tensorTooLarge(path: path, tensor: "t", dimensions: dimensions)) {
      $0.tensor("t", dimensions.map(UInt64.init))
    }
  }

  @Test(arguments: [4, 5, 31, 36, 999, .max] as [UInt32])
  func rejectsUnknownTensorTypes(type: UInt32) {
    expect(.unknownTensorType(path: path, tensor: "t", typeID: type)) {
      $0.tensor("t", [256], type: type)
    }
  }

  @Test func rejectsRowsThatAreNoWholeBlocks() {
    expect(
      .partialBlock(path: path, tensor: "t", rowLength: 48, type: "Q4_1", blockLength: 32)
    ) { $0.tensor("t", [48, 2], type: 3) }
    expect(
      .partialBlock(path: path, tensor: "t", rowLength: 128, type: "Q5_K", blockLength: 256)
    ) { $0.tensor("t", [128, 2], type: 13) }
  }

  @Test func rejectsATensorNameThatComesTwice() {
    expect(.duplicateTensor(path: path, name: "t")) {
      $0.tensor("t", [1], offset: 0)
      $0.tensor("t", [1], offset: 32)
      $0.data = [UInt8](repeating: 0, count: 64)
    }
  }

  @Test func rejectsTensorNameLongerThanTheCap() {
    expect(
      .stringTooLong(
        path: path, field: "the name of tensor 0", length: 300, limit: GGUFLimits.tensorName)
    ) { $0.tensor(String(repeating: "t", count: 300), [1]) }
  }

  @Test func rejectsTensorOffsetThatIsNotAligned() {
    expect(.misalignedTensor(path: path, tensor: "t", offset: 4, alignment: 32)) {
      $0.tensor("t", [1], offset: 4)
      $0.data = [UInt8](repeating: 0, count: 64)
    }
  }

  @Test func rejectsTensorOffsetPastEndOfFile() {
    expect(
      .tensorPastEnd(path: path, tensor: "t", start: 1088, end: 1092, fileSize: 128)
    ) {
      $0.tensor("t", [1], offset: 1024)
      $0.data = [UInt8](repeating: 0, count: 64)
    }
  }

  @Test func rejectsTensorOffsetThatOverflows() {
    let offset = UInt64.max - 31
    expect(
      .tensorPastEnd(path: path, tensor: "t", start: offset, end: .max, fileSize: 128)
    ) {
      $0.tensor("t", [1], offset: offset)
      $0.data = [UInt8](repeating: 0, count: 64)
    }
  }

  @Test func rejectsDataSectionThatIsCutOff() {
    let error = GGUFError.tensorPastEnd(
      path: path, tensor: "t", start: 64, end: 128, fileSize: 127)
    expect(error) {
      $0.tensor("t", [16])
      $0.data = [UInt8](repeating: 0, count: 63)
    }
    #expect(
      error.description
        == "hostile.gguf is truncated: tensor t needs bytes 64..<128 but the file ends at 127; "
        + "download it again")
  }

  @Test func rejectsTensorsThatShareBytes() {
    expect(.overlappingTensors(path: path, first: "b", second: "a", offset: 128)) {
      $0.tensor("a", [8], offset: 32)
      $0.tensor("b", [9], offset: 0)
      $0.data = [UInt8](repeating: 0, count: 64)
    }
  }

  // MARK: - Everything at once

  @Test func survivesEveryTruncation() throws {
    let whole = GGUFBytes.valid.bytes
    _ = try GGUFFile(name: path, bytes: whole)
    for length in 0..<whole.count {
      #expect(throws: GGUFError.self, "cut to \(length) bytes") {
        try GGUFFile(name: path, bytes: Array(whole.prefix(length)))
      }
    }
  }

  @Test func survivesRandomDamage() {
    let whole = GGUFBytes.valid.bytes
    var random = SplitMix(state: 2024)
    var refused = 0
    for _ in 0..<6_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      do {
        let file = try GGUFFile(name: path, bytes: bytes)
        // What is accepted can be used.
        for tensor in file.tensors where tensor.format != nil { _ = try file.values(tensor.name) }
        _ = GGUFSummary(file)
      } catch {
        refused += 1
        #expect(!"\(error)".isEmpty)
      }
    }
    #expect(refused > 1_000)
  }

  @Test func survivesExtremeIntegersAtEveryPlace() {
    let whole = GGUFBytes.valid.bytes
    for place in 0..<whole.count - 8 {
      for value: UInt64 in [.max, 1 << 63, 1 << 31, 0] {
        var bytes = whole
        bytes.replaceSubrange(place..<place + 8, with: GGUFBytes.integer(value))
        _ = try? GGUFFile(name: path, bytes: bytes)
      }
    }
  }
}
