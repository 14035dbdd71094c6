internal import Foundation

// What a run shows of itself: metrics, TensorBoard's events, the page.

extension TrainingLoop {
  func log(_ row: StepMetrics) throws { try log(row, values: TensorBoardLog.values(row)) }

  func log(_ row: ValidationMetrics) throws { try log(row, values: TensorBoardLog.values(row)) }

  func log(_ row: some Encodable, values: [(tag: String, value: Double)]) throws {
    try metrics.append(row)
    state.metricsBytes = metrics.byteCount
    try events?.append(step: state.steps, values: values)
  }

  /// TensorBoard's events of the rows in the metrics so far, and the file to go on with.
  static func makeEvents(
    _ session: FineTuneSession, _ directory: RunDirectory
  ) throws -> TensorBoardLog? {
    guard session.recipe.tensorboard else { return nil }
    let folder = URL(fileURLWithPath: "\(directory.path)/\(RunDirectory.Name.events)")
      .deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try directory.list(growing: RunDirectory.Name.events)
    let lines = (FileManager.default.contents(atPath: directory.metrics) ?? Data())
      .split(separator: UInt8(ascii: "\n"))
    let rows = lines.compactMap { line -> (Int, Double, [(tag: String, value: Double)])? in
      if let row = try? JSONDecoder.scion.decode(StepMetrics.self, from: line) {
        return (row.step, row.elapsedSeconds, TensorBoardLog.values(row))
      }
      guard let row = try? JSONDecoder.scion.decode(ValidationMetrics.self, from: line) else {
        return nil
      }
      return (row.step, row.elapsedSeconds, TensorBoardLog.values(row))
    }
    return try TensorBoardLog(
      path: "\(directory.path)/\(RunDirectory.Name.events)",
      rows: rows.map { (step: $0.0, elapsed: $0.1, values: $0.2) })
  }

  /// The page, from the files as they are now.
  func writeReport(isFinished: Bool) throws {
    let record = try RunRecord(folder: directory.path, name: name, isFinished: isFinished)
    try directory.write(ReportPage(record).html, to: RunDirectory.Name.report)
    if session.recipe.tensorboard { try directory.close(growing: RunDirectory.Name.events) }
  }
}
