import FineTuning
import Serving

/// `train --dashboard`: the run's page in browsers on this machine, for as long as the run goes on.
struct RunWatch {
  private let report: LiveReport
  private let dashboard: Dashboard

  /// Throws `ServingError` when the port cannot be had.
  init(_ name: String, port: Int) throws {
    let report = LiveReport(name: name)
    dashboard = try Dashboard(
      port: port, page: { report.page }, numbers: { report.numbers })
    self.report = report
  }

  var address: String { dashboard.address }

  /// The run writes into `folder` from now on.
  func follow(_ folder: String) { report.follow(folder) }

  /// What the run is just doing.
  func say(_ words: String) { report.say(words) }

  /// Shows the end to who is looking, and closes. An interrupted run does not wait for that.
  func end(_ state: LiveReport.State, _ words: String? = nil) {
    report.end(state, words)
    dashboard.stop(lettingBrowsersSeeTheEnd: state != .interrupted)
  }
}
