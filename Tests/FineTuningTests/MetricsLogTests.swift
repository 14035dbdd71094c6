import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// One line a step, whole at once, and cut back to where a run goes on.
struct MetricsLogTests {
  private func row(_ step: Int) -> ValidationMetrics {
    ValidationMetrics(step: step, epoch: 0.5, validationLoss: 2, elapsedSeconds: 6)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func eachStepIsOneLineAtOnce() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/metrics.jsonl"
    var log = try MetricsLog(path: path)
    let step = StepMetrics(
      step: 1, epoch: 0.5, tokens: 10, loss: 2.25, learningRate: 1e-4, gradientNorm: .nan,
      tokensPerSecond: 3, residentBytes: 4, elapsedSeconds: 5)
    try log.append(step)
    let first = try text(path)
    #expect(
      first == """
        {"elapsed_seconds":5,"epoch":0.5,"grad_norm":"nan","learning_rate":0.0001,"loss":2.25,\
        "resident_bytes":4,"step":1,"tokens":10,"tokens_per_second":3}

        """)
    #expect(log.byteCount == first.utf8.count)
    try log.append(row(1))
    let both = try text(path)
    #expect(both.hasPrefix(first))
    #expect(
      both.dropFirst(first.count) == """
        {"adapters":true,"elapsed_seconds":6,"epoch":0.5,"step":1,"validation_loss":2}

        """)
  }

  @Test("A run that goes on keeps the rows of the steps before, and appends to them")
  func keepsTheRowsBefore() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/metrics.jsonl"
    var length = 0
    do {
      var log = try MetricsLog(path: path)
      for step in 1...3 {
        try log.append(row(step))
        if step == 2 { length = log.byteCount }
      }
    }
    var log = try MetricsLog(path: path, keeping: length, steps: 2)
    #expect(try text(path).split(separator: "\n").count == 2 && log.byteCount == length)
    try log.append(row(3))
    #expect(try text(path).split(separator: "\n").count == 3)
  }

  @Test("Of a file that lost its end the whole rows of those steps stay")
  func keepsWholeRows() throws {
    let folder = try TemporaryFolder()
    let rows = (1...4).map { #"{"step":\#($0)}"# }.joined(separator: "\n")
    let path = try folder.write("metrics.jsonl", rows + "\n{\"st")
    _ = try MetricsLog(path: path, keeping: 1000, steps: 3)
    #expect(try text(path) == "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n")
  }
}
