import Testing

@testable import FineTuning

struct ByteSizeTests {
  @Test(arguments: [
    ("160M", 160 << 20), ("2G", 2 << 30), ("1.5GiB", 3 << 29), ("2GB", 2_000_000_000),
    ("4096", 4096), ("512 kb", 512_000), ("1t", 1 << 40), ("7b", 7), ("0", 0),
  ])
  func readsSizesAsPeopleWriteThem(text: String, bytes: Int) {
    #expect(ByteSize(text)?.byteCount == bytes)
  }

  @Test(arguments: ["", "M", "-1G", "2X", "1.2.3M", "1Gi", "9999999T", "1e3"])
  func refusesWhatIsNoSize(text: String) {
    #expect(ByteSize(text) == nil)
  }

  @Test(arguments: [0, 1, 4096, 160 << 20, 3 << 29, 2_000_000_000])
  func itsDescriptionReadsBack(bytes: Int) {
    let size = ByteSize(byteCount: bytes)
    #expect(ByteSize(size.description) == size)
  }
}
