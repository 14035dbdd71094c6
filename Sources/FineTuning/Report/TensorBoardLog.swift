internal import Foundation
internal import ModelFiles

/// TensorBoard's event file, `tensorboard/events.out.tfevents.…`: the run's numbers for TensorBoard, and for what reads its
/// folders.
///
/// A file is records of `length (u64), masked CRC-32C of it, data, masked CRC-32C of that`, little-endian (TFRecord); data is
/// a protocol buffer `Event { 1: wall_time double, 2: step int64, 3: file_version string, 5: summary }` with
/// `Summary { 1: Value { 1: tag string, 2: simple_value float } }`.
struct TensorBoardLog: ~Copyable {
  private let path: String
  private let handle: FileHandle

  /// Begins the file anew with what the run has logged before (`rows`): a resumed run's steps stand in it once.
  init(path: String, rows: [(step: Int, elapsed: Double, values: [(tag: String, value: Double)])])
    throws(RunDirectory.Failure)
  {
    self.path = path
    let now = Date().timeIntervalSince1970
    let last = rows.last?.elapsed ?? 0
    var bytes = Self.record(Self.event(time: now - last, step: nil, version: "brain.Event:2"))
    for row in rows {
      bytes += Self.record(
        Self.event(time: now - last + row.elapsed, step: row.step, values: row.values))
    }
    do { try AtomicFile.write(path: path, bytes: bytes) } catch { throw .cannotWrite(error) }
    guard let handle = FileHandle(forUpdatingAtPath: path), (try? handle.seekToEnd()) != nil else {
      throw .cannotWrite(.notPermitted(path: path, reason: "the file cannot be opened"))
    }
    self.handle = handle
  }

  /// Appends one event, at once.
  mutating func append(
    step: Int, values: [(tag: String, value: Double)]
  ) throws(RunDirectory.Failure) {
    let event = Self.event(time: Date().timeIntervalSince1970, step: step, values: values)
    do { try handle.write(contentsOf: Data(Self.record(event))) } catch {
      throw .cannotWrite(
        .failed(path: path, operation: "append to", reason: error.localizedDescription))
    }
  }

  deinit { try? handle.close() }

  // MARK: - What is logged

  /// The tags of a step.
  static func values(_ step: StepMetrics) -> [(tag: String, value: Double)] {
    [
      ("train/loss", step.loss), ("train/learning_rate", step.learningRate),
      ("train/grad_norm", step.gradientNorm), ("train/epoch", step.epoch),
      ("speed/tokens_per_second", step.tokensPerSecond),
      ("memory/resident_megabytes", Double(step.residentBytes) / 1e6),
    ]
  }

  static func values(_ validation: ValidationMetrics) -> [(tag: String, value: Double)] {
    [
      (
        validation.adapters ? "validation/loss" : "validation/loss_of_the_base",
        validation.validationLoss
      )
    ]
  }

  // MARK: - Bytes

  static func event(
    time: Double, step: Int?, version: String? = nil, values: [(tag: String, value: Double)] = []
  ) -> [UInt8] {
    var bytes: [UInt8] = [0x09] + littleEndian(time.bitPattern)
    if let step { bytes += [0x10] + varint(UInt64(step)) }
    if let version { bytes += [0x1A] + prefixed(Array(version.utf8)) }
    if !values.isEmpty {
      let summary = values.flatMap { tag, value in
        [0x0A]
          + prefixed(
            [0x0A] + prefixed(Array(tag.utf8)) + [0x15] + littleEndian(Float(value).bitPattern))
      }
      bytes += [0x2A] + prefixed(summary)
    }
    return bytes
  }

  static func record(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(data.count))
    return length + littleEndian(masked(length)) + data + littleEndian(masked(data))
  }

  private static func prefixed(_ bytes: [UInt8]) -> [UInt8] { varint(UInt64(bytes.count)) + bytes }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var (bytes, value): ([UInt8], UInt64) = ([], value)
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  private static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// CRC-32C (Castagnoli), turned and shifted as TFRecord has it.
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
    crc = ~crc
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }

  private static let table: [UInt32] = (0..<256).map { index in
    var crc = UInt32(index)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    return crc
  }
}
