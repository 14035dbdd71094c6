internal import Foundation

/// Which files a `--data` argument means: one file, or a folder laid out as mlx-lm's and others'.
///
/// In a folder: `train.jsonl` (or shards `train-0.jsonl`, `train-1.jsonl`, …), `valid.jsonl` (also
/// validation, val, dev), `test.jsonl`; each also as `.json`, `.csv`, `.tsv` or `.txt`, and packed
/// (`.gz`, `.zst`). Other files are left alone. A file's validation and test parts are empty.
/// Does not look inside files.
public struct DataSource: Sendable, Equatable {
  /// Files to train on, in order of name; never empty.
  public let train: [String]
  /// Files to validate on; empty when a part of `train` has to serve.
  public let validation: [String]
  /// Held-out files; empty when there are none.
  public let test: [String]

  /// Also packed with gzip or zstd.
  private static let suffixes = ["jsonl", "json", "ndjson", "csv", "tsv", "txt"].flatMap {
    [$0, "\($0).gz", "\($0).zst"]
  }

  /// Looks at `path` on disk. Throws `cannotRead` or `noTrainingFile`.
  public init(path: String) throws(DataError) {
    guard let listing = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      guard path == DataText.standardInput || FileManager.default.fileExists(atPath: path) else {
        throw .cannotRead(path: path, reason: "no such file or folder")
      }
      train = [path]
      validation = []
      test = []
      return
    }
    let names = listing.sorted()
    let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
    func files(_ stems: [String]) -> [String] {
      for stem in stems {
        for suffix in Self.suffixes {
          if names.contains("\(stem).\(suffix)") { return ["\(folder)/\(stem).\(suffix)"] }
          let shards = names.compactMap { name -> (Int, String)? in
            guard name.hasPrefix("\(stem)-"), name.hasSuffix(".\(suffix)") else { return nil }
            let middle = name.dropFirst(stem.count + 1).dropLast(suffix.count + 1)
            return Int(middle).map { ($0, name) }
          }
          if !shards.isEmpty {
            return shards.sorted { $0.0 < $1.0 }.map { "\(folder)/\($0.1)" }
          }
        }
      }
      return []
    }
    train = files(["train"])
    validation = files(["valid", "validation", "val", "dev"])
    test = files(["test"])
    guard !train.isEmpty else { throw .noTrainingFile(folder: path) }
  }
}
