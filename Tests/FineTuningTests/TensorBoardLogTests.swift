import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// Event files, read back by the rules of their formats and not by the code that wrote them.
struct TensorBoardLogTests {
  /// CRC-32C bit by bit.
  private func crc(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    return ~crc
  }

  private func unmasked(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    let value = number(bytes) &- 0xA282_EAD8
    return UInt32(truncatingIfNeeded: value << 15 | (value & 0xFFFF_FFFF) >> 17)
  }

  private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The data of each record; nil where lengths or sums do not fit.
  private func records(_ bytes: [UInt8]) -> [[UInt8]]? {
    var (records, place): ([[UInt8]], Int) = ([], 0)
    while place < bytes.count {
      guard place + 12 <= bytes.count else { return nil }
      let length = Int(number(bytes[place..<place + 8]))
      guard unmasked(bytes[place + 8..<place + 12]) == crc(bytes[place..<place + 8]),
        place + 16 + length <= bytes.count
      else { return nil }
      let data = bytes[place + 12..<place + 12 + length]
      guard unmasked(bytes[place + 12 + length..<place + 16 + length]) == crc(data) else {
        return nil
      }
      records.append(Array(data))
      place += 16 + length
    }
    return records
  }

  @Test func theSumIsCRC32C() {
    #expect(crc("123456789".utf8) == 0xE306_9283)
    let masked = TensorBoardLog.masked(Array("123456789".utf8))
    let turned = UInt32(0xE306_9283) >> 15 | UInt32(0xE306_9283) << 17
    #expect(masked == turned &+ 0xA282_EAD8)
  }

  @Test func anEventIsItsProtocolBuffer() {
    let event = TensorBoardLog.event(time: 1.5, step: 300, values: [(tag: "a/b", value: 0.25)])
    #expect(
      event == [
        0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F,  // 1: 1.5
        0x10, 0xAC, 0x02,  // 2: 300
        0x2A, 0x0C, 0x0A, 0x0A,  // 5: a summary of one value of ten bytes
        0x0A, 0x03, 0x61, 0x2F, 0x62, 0x15, 0, 0, 0x80, 0x3E,
      ])
  }

  @Test func aFileHasEarlierRowsOnceAndGrows() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/events"
    for _ in 0..<2 {
      var log = try TensorBoardLog(
        path: path,
        rows: (1...3).map { (step: $0, elapsed: Double($0), values: [(tag: "x", value: 1)]) })
      try log.append(step: 4, values: [(tag: "x", value: .nan), (tag: "y", value: 2)])
      let found = try #require(records(Array(Data(contentsOf: URL(fileURLWithPath: path)))))
      #expect(found.count == 5)
      #expect(String(decoding: found[0], as: UTF8.self).contains("brain.Event:2"))
    }
  }
}
