import Testing

@testable import ModelFiles

/// Reading safetensors; the refusals are named after the attack.
@Suite struct SafetensorsFileTests {
  let path = "hostile.safetensors"

  func read(_ json: String, dataSize: Int = 0, length: UInt64? = nil) throws -> SafetensorsFile {
    var bytes = GGUFBytes.integer(length ?? UInt64(json.utf8.count)) + json.utf8
    bytes += (0..<dataSize).map { UInt8($0 & 0x3F) }
    return try SafetensorsFile(name: path, bytes: bytes)
  }

  func expect(
    _ error: SafetensorsError, _ json: String, dataSize: Int = 0,
    location: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: error, sourceLocation: location) { try read(json, dataSize: dataSize) }
  }

  static let valid = """
    {"__metadata__":{"format":"pt"},
     "b":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]},
     "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
     "scalar":{"dtype":"F16","shape":[],"data_offsets":[16,18]},
     "none":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[18,18]},
     "i":{"dtype":"I64","shape":[1],"data_offsets":[18,26]}}
    """

  @Test func readsTensorsInTheOrderOfTheirData() throws {
    let file = try read(Self.valid, dataSize: 26)
    #expect(file.metadata == ["format": "pt"])
    #expect(file.tensors.map(\.name) == ["a", "b", "scalar", "none", "i"])
    #expect(try file.values("a") == [0x0302_0100, 0x0706_0504].map { Float(bitPattern: $0) })
    let b = try file.matrix("b")
    #expect(b.rows == 2 && b.columns == 2 && b.format == .bf16)
    #expect(try file.values("scalar").count == 1)
    #expect(try file.values("none").isEmpty)
    #expect(file.tensor("i")?.format == nil)
    #expect(file.has("a") && !file.has("z"))
  }

  @Test func refusesUsesThatDoNotFit() throws {
    let file = try read(Self.valid, dataSize: 26)
    #expect(throws: SafetensorsError.missingTensor(path: path, name: "z")) {
      try file.values("z")
    }
    #expect(throws: SafetensorsError.unsupportedType(path: path, tensor: "i", type: "I64")) {
      try file.values("i")
    }
    for name in ["a", "none"] {
      #expect(throws: SafetensorsError.self) { try file.matrix(name) }
    }
  }

  @Test func acceptsAFileWithoutTensors() throws {
    #expect(try read("{}").tensors.isEmpty)
  }

  // MARK: - Attacks

  @Test func rejectsFilesThatAreTooShort() {
    #expect(throws: SafetensorsError.tooShort(path: path, fileSize: 3)) {
      try SafetensorsFile(name: path, bytes: [1, 2, 3])
    }
  }

  @Test(arguments: [100_000_001, 1 << 63, .max] as [UInt64])
  func rejectsHeaderLengthThatOverflows(length: UInt64) {
    #expect(
      throws: SafetensorsError.headerTooLarge(
        path: path, length: length, limit: SafetensorsHeader.limit)
    ) { try read("{}", length: length) }
  }

  @Test func rejectsHeaderLongerThanFile() {
    #expect(throws: SafetensorsError.headerPastEnd(path: path, length: 50, fileSize: 10)) {
      try read("{}", length: 50)
    }
  }

  @Test(arguments: [
    "", " {}", "[]", "{", "{\"a\":1}", "{\"a\":{}}", "{\"a\":null}", "nul",
    "{\"__metadata__\":{\"x\":1}}", "{\"a\":{\"x\":\"y\"}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e99]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}",
    String(repeating: "{\"a\":", count: 100_000),
  ])
  func rejectsHeadersThatAreNotTheRightJSON(json: String) throws {
    let error = try #require(throws: SafetensorsError.self) { try read(json, dataSize: 4) }
    guard case .invalidHeader = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func rejectsANameThatComesTwice() {
    let entry = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
    expect(
      .duplicateName(path: path, name: "a"), #"{"a":\#(entry),"b:":\#(entry),"a":\#(entry)}"#,
      dataSize: 4)
    expect(
      .duplicateName(path: path, name: "of unknown name"),
      #"{"a":\#(entry),"\u0061":\#(entry)}"#, dataSize: 4)
  }

  @Test func rejectsUnknownTypes() {
    expect(
      .unknownType(path: path, tensor: "a", type: "Q4"),
      #"{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}"#, dataSize: 4)
  }

  @Test(arguments: [[-1], [1 << 62], [1 << 32, 1 << 32], [-1, -1]])
  func rejectsImpossibleShapes(shape: [Int]) {
    expect(
      .invalidShape(path: path, tensor: "a", shape: shape),
      #"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,4]}}"#, dataSize: 4)
  }

  @Test(arguments: [(-4, 0), (4, 0), (Int.min, Int.max)])
  func rejectsImpossibleOffsets(start: Int, end: Int) {
    expect(
      .invalidOffsets(path: path, tensor: "a", start: start, end: end),
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[\#(start),\#(end)]}}"#, dataSize: 4)
  }

  @Test func rejectsOffsetsThatDoNotMatchTheShape() {
    expect(
      .wrongByteCount(path: path, tensor: "a", expected: 12, found: 8),
      #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, dataSize: 8)
  }

  @Test func rejectsTensorOffsetPastEndOfFile() {
    expect(
      .tensorPastEnd(path: path, tensor: "a", end: 8, dataSize: 7),
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, dataSize: 7)
  }

  @Test func rejectsTensorsThatShareBytes() {
    expect(
      .overlappingTensors(path: path, first: "a", second: "b", offset: 4),
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
      dataSize: 12)
  }

  @Test func rejectsHolesAndTrailingBytes() {
    expect(
      .hole(path: path, start: 0, end: 4),
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, dataSize: 8)
    expect(
      .hole(path: path, start: 4, end: 9),
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, dataSize: 9)
  }

  @Test func survivesEveryTruncationAndRandomDamage() throws {
    let whole =
      GGUFBytes.integer(UInt64(Self.valid.utf8.count)) + Array(Self.valid.utf8)
      + [UInt8](repeating: 1, count: 26)
    _ = try SafetensorsFile(name: path, bytes: whole)
    for length in 0..<whole.count {
      #expect(throws: SafetensorsError.self) {
        try SafetensorsFile(name: path, bytes: Array(whole.prefix(length)))
      }
    }
    var random = SplitMix(state: 5)
    var refused = 0
    for _ in 0..<1_500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      do {
        let file = try SafetensorsFile(name: path, bytes: bytes)
        for tensor in file.tensors where tensor.format != nil {
          _ = try file.values(tensor.name)
          _ = try? file.matrix(tensor.name)
        }
      } catch { refused += 1 }
    }
    #expect(refused > 100)
  }
}
