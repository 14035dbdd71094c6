internal import Tensors
internal import Tokenization

/// Records that are parsed and tokenized side by side, in the order of their file.
struct RecordBatch {
  fileprivate enum Item {
    /// One that is made already: the first of a file, which tells the format.
    case record(DataRecord)
    case piece(RecordPiece)
  }

  /// What became of a record.
  typealias Encoded = Result<SequenceBuilder.Outcome, DataError>

  private var items: [Item] = []
  /// Whether the file has no further record.
  private(set) var isLast = false

  /// Records, and bytes of them, at which a batch is full.
  private static let mostRecords = 512
  private static let mostBytes = 1 << 20

  /// Takes the next records of `reader`. What is wrong behind them is returned, to be thrown when those before it have been
  /// looked at.
  mutating func fill(_ reader: inout DataReader) -> DataError? {
    items = []
    var bytes = 0
    do throws(DataError) {
      while items.count < Self.mostRecords, bytes < Self.mostBytes {
        if reader.format == nil {
          guard let record = try reader.next() else {
            isLast = true
            break
          }
          items.append(.record(record))
        } else if let piece = try reader.nextPiece() {
          bytes += piece.byteCount
          items.append(.piece(piece))
        } else {
          isLast = true
          break
        }
      }
      return nil
    } catch {
      return error
    }
  }

  /// What becomes of each record, with the line where it begins.
  func encode(
    _ builder: SequenceBuilder, _ decoder: RecordDecoder
  ) -> [(line: Int, encoded: Encoded)] {
    sideBySide(items.count, atMost: Processor.threads) { index in
      let item = items[index]
      let encoded = Encoded { () throws(DataError) in
        let record =
          switch item {
          case .record(let record): record
          case .piece(let piece): try decoder.decode(piece).record
          }
        return try builder.sequences(of: record, path: decoder.path)
      }
      return (item.line, encoded)
    }
  }
}

extension RecordBatch.Item {
  fileprivate var line: Int {
    switch self {
    case .record(let record): record.line
    case .piece(let piece): piece.line
    }
  }
}
