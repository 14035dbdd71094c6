import Foundation
import TestSupport
import Testing
import Transformer

@testable import FineTuning
@testable import Tensors

/// Starts that are interrupted and go on.
@Suite struct StartStoreTests {
  private let fingerprint = ["--model": "abc", "--rank": "4"]

  private func store(_ folder: TemporaryFolder, rank: String = "4") throws -> StartStore {
    try StartStore(
      folder: "\(folder.path)/start.partial", fingerprint: ["--model": "abc", "--rank": rank])
  }

  /// Runs until `blocks` blocks are decomposed and drops the session, as a kill does.
  private func interrupt(
    _ initialization: AdapterInitialization, after blocks: Int, room: Int?, _ store: StartStore
  ) throws {
    let session = try SmallStart().session(initialization, room: room, store: store)
    var done = 0
    while done < blocks, let progress = try session.advance() {
      if progress.activity.hasSuffix("decomposed") { done += 1 }
    }
    #expect(done == blocks)
  }

  @Test(
    "An interrupted start goes on after its finished blocks and ends with the same bits",
    arguments: [AdapterInitialization.loraOne, .eva], [1, 3, 4])
  func resumedStartIsTheSame(initialization: AdapterInitialization, blocks: Int) throws {
    let scale = initialization == .loraOne ? InitializationScale.linesearch : .normalized
    for room in [nil, 0] {
      let folder = try TemporaryFolder()
      let whole = try SmallStart()
      let expected = try whole.report(initialization, scale: scale, room: room)
      try interrupt(initialization, after: blocks, room: room, store(folder))

      let small = try SmallStart()
      let store = try store(folder)
      #expect(store.notice == nil)
      let session = try small.session(initialization, scale: scale, room: room, store: store)
      #expect(session.resumedBlocks == blocks)
      var decomposed = 0
      while let progress = try session.advance() {
        if progress.activity.hasSuffix("decomposed") { decomposed += 1 }
      }
      #expect(decomposed == 4 - blocks)
      #expect(small.pairs == whole.pairs)
      let report = session.report()
      #expect(report.matrices == expected.matrices && report.lineSearch == expected.lineSearch)
      #expect(report.lossBefore == expected.lossBefore && report.lossAfter == expected.lossAfter)
      try store.remove()
      #expect(try folder.names().isEmpty)
    }
  }

  @Test("Blocks that are complete together with lower ones are done again if those are missing")
  func keptBlocksAreCompleteTogether() throws {
    let folder = try TemporaryFolder()
    let small = try SmallStart()
    func session(_ store: StartStore) throws -> StartSession {
      let data = InitializationData(small.batches)
      let size = MemoryRequest.Start(sequences: 3, tokens: data.tokenCount)
      let memory = StartMemory(
        small.model.configuration, small.layout, data: size, storage: .bfloat16, microTokens: 64,
        room: nil
      ).keeping(upTo: 3, isSingle: false, room: .max) { _ in 0 }
      #expect(memory.keptLayers == 3)
      return try StartSession(
        small.trainer,
        initializer: AdapterInitializer(.loraOne, generator: RandomGenerator(seed: 1)),
        data: data, memory: memory, spillDirectory: folder.path, store: store)
    }
    /// Blocks that the next start takes over when this one is killed after `blocks`.
    func resumed(after blocks: Int) throws -> Int {
      let first = try store(folder)
      let interrupted = try session(first)
      var done = 0
      while done < blocks, let progress = try interrupted.advance() {
        if progress.activity.hasSuffix("decomposed") { done += 1 }
      }
      let next = try session(store(folder))
      while try next.advance() != nil {}
      try first.remove()
      return next.resumedBlocks
    }
    var pairs: [[[Float]]] = []
    for (blocks, expected) in [(0, 0), (2, 0), (3, 3)] {
      #expect(try resumed(after: blocks) == expected)
      pairs.append(small.pairs)
    }
    #expect(pairs[0] == pairs[1] && pairs[0] == pairs[2])
  }

  @Test("With other settings the start begins anew and says what differs")
  func otherSettingsBeginAnew() throws {
    let folder = try TemporaryFolder()
    try interrupt(.loraOne, after: 2, room: nil, store(folder))
    let other = try store(folder, rank: "8")
    #expect(
      other.notice == "the unfinished start in \(other.folder) differs in --rank: it begins anew")
    #expect(other.blocks.isEmpty)
    #expect(try folder.names(in: "start.partial") == ["state.json"])
  }

  @Test("Torn and changed files are no finished blocks", arguments: ["block-2", "gradient-2"])
  func tornFilesAreDoneAgain(name: String) throws {
    let folder = try TemporaryFolder()
    try interrupt(.loraOne, after: 2, room: nil, store(folder))
    let file = try #require(
      try folder.names(in: "start.partial").first { $0.hasPrefix("\(name).") })
    let path = "\(folder.path)/start.partial/\(file)"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    if name == "block-2" { bytes.removeLast(8) } else { bytes[100] ^= 1 }
    try bytes.write(to: URL(fileURLWithPath: path))
    let session = try SmallStart().session(.loraOne, store: store(folder))
    #expect(session.resumedBlocks == 0)
    while try session.advance() != nil {}
  }

  @Test("A state that cannot be read is replaced")
  func unreadableStateIsReplaced() throws {
    let folder = try TemporaryFolder()
    try interrupt(.eva, after: 1, room: nil, store(folder))
    _ = try folder.write("start.partial/state.json", "{")
    let again = try store(folder)
    #expect(again.notice?.contains("is not readable") == true && again.blocks.isEmpty)
  }
}
