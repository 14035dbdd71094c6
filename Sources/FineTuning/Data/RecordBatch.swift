internal import Tensors
internal import Tokenization

/// Records that are tokenized side by side, in the order of their file.
struct RecordBatch {
  private var records: [DataRecord] = []
  /// Whether the file has no further record.
  private(set) var isLast = false

  /// Records, and bytes of what they say, at which a batch is full.
  private static let mostRecords = 256
  private static let mostBytes = 1 << 20

  /// Takes the next records of `reader`. What is wrong behind them is returned, to be thrown when those before it have been
  /// looked at.
  mutating func fill(_ reader: inout DataReader) -> DataError? {
    records = []
    var bytes = 0
    do throws(DataError) {
      while records.count < Self.mostRecords, bytes < Self.mostBytes {
        guard let record = try reader.next() else {
          isLast = true
          return nil
        }
        bytes += record.byteCount
        records.append(record)
      }
      return nil
    } catch {
      return error
    }
  }

  /// What becomes of each record.
  func encode(
    _ builder: SequenceBuilder, path: String
  ) -> [(DataRecord, Result<SequenceBuilder.Outcome, DataError>)] {
    let results = sideBySide(records.count, atMost: Processor.threads) { index in
      Result { () throws(DataError) in
        try builder.sequences(of: records[index], path: path)
      }
    }
    return Array(zip(records, results))
  }
}

extension DataRecord {
  /// About as many bytes as it says.
  fileprivate var byteCount: Int {
    switch content {
    case .text(let text), .raw(let text): text.utf8.count
    case .tokens(let ids, _): 8 * ids.count
    case .completion(let prompt, let completion): prompt.utf8.count + completion.utf8.count
    case .conversation(let conversation):
      conversation.messages.reduce(0) { $0 + $1.content.utf8.count }
    }
  }
}
