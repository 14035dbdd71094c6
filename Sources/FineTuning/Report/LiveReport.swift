internal import Foundation
internal import Synchronization

/// What a run shows while it goes on: its page and its numbers, made of the files in its folder as they are when asked for, and
/// of what it says it is doing.
///
/// May be asked from any thread; the run's own only says words. Files are read anew at most a twentieth of the time, however
/// long a run has grown.
public final class LiveReport: Sendable {
  public enum State: String, Sendable, Codable {
    case running, finished, interrupted, failed
  }

  private struct Contents {
    var activity = "The run begins."
    var state = State.running
    var folder: String?
    var record: RunRecord?
    var nextReading = ContinuousClock.now
  }

  private let name: String
  private let contents = Mutex(Contents())

  /// - Parameter name: The run's, until it has a folder.
  public init(name: String) { self.name = name }

  // MARK: - The run's side

  /// What the run is just doing, in words.
  public func say(_ activity: String) { contents.withLock { $0.activity = activity } }

  /// The run writes into `folder` from now on; what an earlier one left there is not shown.
  public func follow(_ folder: String) {
    contents.withLock {
      $0.folder = folder
      $0.nextReading = .now
    }
  }

  /// The run has ended: the next look is at its last files.
  public func end(_ state: State, _ words: String? = nil) {
    contents.withLock {
      $0.state = state
      if let words { $0.activity = words }
      $0.nextReading = .now
    }
  }

  // MARK: - The watcher's side

  /// The page of the run, as HTML.
  public var page: String {
    let (record, state, activity) = now
    guard let record else {
      return ReportPage.waiting(name: name, state: state, activity: activity)
    }
    return ReportPage(record, state: state, activity: activity).html
  }

  /// The run's numbers as JSON: `name`, `state`, `activity`, and once there is a folder `summary`, `steps`, `validations`,
  /// `forgetting`, `samples` and `start`, each row as in the run's own files.
  public var numbers: String {
    let (record, state, activity) = now
    let value = Numbers(
      name: record?.name ?? name, state: state, activity: activity, summary: record?.summary,
      steps: record?.steps ?? [], validations: record?.validations ?? [],
      forgetting: record?.forgetting ?? [], samples: record?.samples ?? [], start: record?.start)
    // Of values that are all encodable nothing can fail.
    let bytes = (try? JSONEncoder.scion.encode(value)) ?? Data("{}".utf8)
    return String(decoding: bytes, as: UTF8.self) + "\n"
  }

  private struct Numbers: Encodable {
    let name: String
    let state: State
    let activity: String
    let summary: RunSummary?
    let steps: [StepMetrics]
    let validations: [ValidationMetrics]
    let forgetting: [ForgettingMetrics]
    let samples: [AnswerSample]
    let start: StartReport?
  }

  private var now: (RunRecord?, State, String) {
    let (folder, isDue) = contents.withLock { contents in
      let isDue = contents.folder != nil && ContinuousClock.now >= contents.nextReading
      // One reader is enough; others get the last picture.
      if isDue { contents.nextReading = .now + .seconds(60) }
      return (contents.folder, isDue)
    }
    if isDue, let folder {
      let began = ContinuousClock.now
      let record = try? RunRecord(path: folder)
      let end = ContinuousClock.now
      contents.withLock {
        if let record { $0.record = record }
        $0.nextReading = end + max(.seconds(1), (end - began) * 20)
      }
    }
    return contents.withLock { ($0.record, $0.state, $0.activity) }
  }
}
