internal import Tensors
internal import Tokenization

/// Tells which records are the same, and which held-out records are the same or nearly the same as
/// training records.
///
/// Nearly: four of five of a record's runs of eight words are in training records, whatever case and
/// punctuation; of a shorter record all words. In memory are hashes of the held-out records and
/// their runs; of a training record a hash is kept, in a file where there are many.
struct RecordLikeness: ~Copyable {
  /// How held-out records of a purpose stand to the training records.
  struct Leak: Equatable {
    var same = 0
    var near = 0
  }

  /// A held-out record.
  private struct Held {
    let purpose: DataDiagnosis.Purpose
    let hash: Int
    let runs: [UInt64]
  }

  private var held: [Held] = []
  /// What is looked for in training records, and what was found of it.
  private var (wantedHashes, foundHashes): (Set<Int>, Set<Int>) = ([], [])
  private var (wantedRuns, foundRuns): (Set<UInt64>, Set<UInt64>) = ([], [])
  private var hashes = SpilledArray<Int>.Writer()
  private static let runLength = 8
  /// Hashes that are looked at together.
  private static let most = 1 << 18

  /// Adds a held-out record: before all training records.
  mutating func hold(_ record: DataRecord, _ purpose: DataDiagnosis.Purpose) {
    let text = Self.text(record)
    let own = Held(purpose: purpose, hash: text.hashValue, runs: Self.runs(text))
    held.append(own)
    wantedHashes.insert(own.hash)
    wantedRuns.formUnion(own.runs)
  }

  /// Adds a training record. Throws `TensorError.cannotSpill` without room for its hash.
  mutating func train(_ record: DataRecord) throws(TensorError) {
    let text = Self.text(record)
    let hash = text.hashValue
    try hashes.append(hash)
    if wantedHashes.contains(hash) { foundHashes.insert(hash) }
    guard !wantedRuns.isEmpty else { return }
    for run in Self.runs(text) where wantedRuns.contains(run) { foundRuns.insert(run) }
  }

  /// Training records that repeat another, and the leaks by purpose.
  consuming func finish() throws(TensorError) -> (
    duplicates: Int, leaks: [DataDiagnosis.Purpose: Leak]
  ) {
    var leaks: [DataDiagnosis.Purpose: Leak] = [:]
    for record in held {
      if foundHashes.contains(record.hash) {
        leaks[record.purpose, default: Leak()].same += 1
      } else if !record.runs.isEmpty,
        record.runs.count(where: { foundRuns.contains($0) }) * 5 >= record.runs.count * 4
      {
        leaks[record.purpose, default: Leak()].near += 1
      }
    }
    // Part by part, so that the set of those seen stays small.
    let hashes = try hashes.finish()
    let parts = hashes.count / Self.most + 1
    var duplicates = 0
    for part in 0..<parts {
      var seen: Set<Int> = []
      for hash in hashes where Int(UInt(bitPattern: hash) % UInt(parts)) == part {
        if !seen.insert(hash).inserted { duplicates += 1 }
      }
    }
    return (duplicates, leaks)
  }

  private static func text(_ record: DataRecord) -> String {
    switch record.content {
    case .text(let text), .raw(let text): text
    case .tokens(let ids, _): ids.map { "\($0)" }.joined(separator: " ")
    case .completion(let prompt, let completion): prompt + "\n" + completion
    case .conversation(let conversation):
      conversation.messages.map { $0.role + ": " + $0.content }.joined(separator: "\n")
    }
  }

  /// Hashes of the runs of words (FNV-1a over lower-case letters and digits).
  private static func runs(_ text: String) -> [UInt64] {
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map { word in
      word.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
    guard !words.isEmpty else { return [] }
    let length = min(runLength, words.count)
    return (0...(words.count - length)).map { start in
      words[start..<start + length].reduce(UInt64(length)) { ($0 &* 0x100_0000_01b3) ^ $1 }
    }
  }
}
