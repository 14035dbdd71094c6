import Tensors
import TestSupport
import Testing

@testable import FineTuning

/// A process of its own for each measurement: other tests would move the memory of this one.
struct IndexMemoryTests {
  @Test func twentyTimesTheRecordsTakeNoMoreMemory() async {
    await #expect(processExitsWith: .success) {
      // What is made once in a process: tables of the tokenizer, the team of threads.
      _ = try IndexMemoryTests.anonymousBytes(records: 10_000)
      let few = try IndexMemoryTests.anonymousBytes(records: 10_000)
      let many = try IndexMemoryTests.anonymousBytes(records: 200_000)
      try #require(few > 0)
      try #require(many - few < 8 << 20, "\(few) bytes for few records, \(many) for many")
    }
  }

  /// Memory without mapped files while a data set of so many good records, and a tenth as many bad ones, is at hand, with its
  /// validation part, its steps and its validation batches.
  private static func anonymousBytes(records: Int) throws -> Int {
    let folder = try TemporaryFolder()
    var path = ""
    do {
      var lines = ""
      for index in 0..<records {
        lines += "{\"text\":\"record \(index)\"}\n"
        if index % 10 == 0 { lines += "{\"text\":\(index)}\n" }
      }
      path = try folder.write("a.jsonl", lines)
    }
    let builder = SequenceBuilder(
      tokenizer: try SmallModel.tokenizer(), template: try SmallModel.template("none"),
      sequenceLength: 64)
    let data = try TrainingData(
      parts: [DataPart(path: path, weight: 0.9), DataPart(path: path, weight: 1.1)],
      builder: builder,
      skipBad: true, validationFraction: 0.1, seed: 1)
    let plan = try BatchPlan(
      lengths: data.train.lengths, size: .tokens(4096), duration: .epochs(2), microTokens: 1024,
      seed: 1)
    let held = try #require(data.validation)
    let batches = try TokenBatches(evaluating: held.sequences, microTokens: 1024)
    return try withExtendedLifetime((data, plan, batches)) {
      ProcessMemory.releaseFreed()
      let bytes = ProcessMemory.anonymous
      try #require(data.train.skipped.count == 2 * (records / 10))
      try #require(plan.stepCount > 0 && !batches.isEmpty)
      return bytes
    }
  }
}
