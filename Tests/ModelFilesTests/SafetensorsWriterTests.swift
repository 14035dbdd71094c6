import Tensors
import Testing

@testable import ModelFiles

@Suite struct SafetensorsWriterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func writesWhatAReaderUnderstands() throws {
    let path = folder.file("a.safetensors")
    let values: [Float] = [1, -2, 0.5, 3, 4, 5]
    var writer = try SafetensorsWriter(
      path: path,
      tensors: [
        SafetensorsTensorDescription(name: "z/ü\"", shape: [2, 3], format: .f32),
        SafetensorsTensorDescription(name: "empty", shape: [0], format: .f32),
        SafetensorsTensorDescription(name: "b", shape: [3, 2], format: .bf16),
        SafetensorsTensorDescription(name: "a", shape: [6], format: .f16),
      ])
    for byte in values.flatMap({ GGUFBytes.integer($0.bitPattern) }) { try writer.append([byte]) }
    try writer.append(values: Array(values[..<2]))
    try writer.append(values: Array(values[2...]))
    try writer.append(values: values)
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == ["format": "pt"])
    #expect(file.tensors.map(\.name) == ["z/ü\"", "empty", "b", "a"])
    #expect(file.tensors[0].offset % 8 == 0)
    for name in ["z/ü\"", "b", "a"] { #expect(try file.values(name) == values) }
    #expect(file.tensor("b")?.shape == [3, 2] && file.tensor("b")?.type == "BF16")
    #expect(folder.names == ["a.safetensors"])
  }

  @Test func refusesMissingAndSurplusData() throws {
    let path = folder.file("a.safetensors")
    let tensors = [SafetensorsTensorDescription(name: "a", shape: [2], format: .f32)]
    let missing = SafetensorsError.wrongDataSize(path: path, tensor: "a", expected: 8, found: 4)
    #expect(throws: missing) {
      var writer = try SafetensorsWriter(path: path, tensors: tensors)
      try writer.append([1, 2, 3, 4])
      try writer.finish()
    }
    let long = SafetensorsError.wrongDataSize(path: path, tensor: "a", expected: 8, found: 12)
    #expect(throws: long) {
      var writer = try SafetensorsWriter(path: path, tensors: tensors)
      try writer.append(values: [1, 2, 3])
    }
    #expect(throws: SafetensorsError.dataAfterLastTensor(path: path)) {
      var writer = try SafetensorsWriter(path: path, tensors: tensors)
      try writer.append(values: [1, 2])
      try writer.append(values: [3])
    }
    #expect(folder.names == [])
  }

  @Test func refusesDescriptionsThatNoReaderWouldAccept() throws {
    let path = folder.file("a.safetensors")
    func attempt(_ tensors: [SafetensorsTensorDescription]) -> SafetensorsError? {
      do {
        let writer = try SafetensorsWriter(path: path, tensors: tensors)
        try writer.finish()
        return nil
      } catch { return error }
    }
    let tensor = SafetensorsTensorDescription(name: "a", shape: [0], format: .f32)
    #expect(attempt([tensor]) == nil)
    #expect(attempt([tensor, tensor]) == .duplicateName(path: path, name: "a"))
    #expect(
      attempt([SafetensorsTensorDescription(name: "__metadata__", shape: [1], format: .f32)])
        == .duplicateName(path: path, name: "__metadata__"))
    #expect(
      attempt([SafetensorsTensorDescription(name: "a", shape: [32], format: .q8_0)])
        == .unwritableFormat(path: path, tensor: "a", format: "Q8_0"))
    #expect(
      attempt([SafetensorsTensorDescription(name: "a", shape: [1 << 62, 4], format: .f32)])
        == .invalidShape(path: path, tensor: "a", shape: [1 << 62, 4]))
  }
}
