import Testing

@testable import ModelFiles

@Suite struct GGUFMetadataTests {
  @Test func keepsTheOrderOfKeys() {
    var metadata = GGUFMetadata()
    metadata.set("b", .uint32(1))
    metadata.set("a", .string("x"))
    metadata.set("c", .bool(true))
    metadata.set("b", .uint32(2))
    #expect(metadata.keys == ["b", "a", "c"])
    #expect(metadata.int("b") == 2)
    metadata.remove("a")
    metadata.remove("absent")
    #expect(metadata.keys == ["b", "c"] && metadata["a"] == nil && metadata.count == 2)
  }

  @Test func convertsArrays() {
    var metadata = GGUFMetadata()
    metadata.set("i", .array(.int16([1, -1])))
    metadata.set("u", .array(.uint64([1, .max])))
    metadata.set("d", .array(.float64([0.5])))
    #expect(metadata.ints("i") == [1, -1])
    #expect(metadata.floats("i") == [1, -1])
    #expect(metadata.ints("u") == nil)
    #expect(metadata.floats("d") == [0.5])
    #expect(metadata.strings("i") == nil)
  }
}
