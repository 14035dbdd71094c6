internal import Foundation
internal import ModelFiles
internal import Tensors

/// The output folder of a training run: where each file lies, whose it is, and who holds it.
///
/// - A run owns a folder that it made, that was empty, or that carries its marker (`RunMarker`). Any other is refused.
/// - In its folder it touches only what it wrote. A file of its own that somebody changed since is kept under another name.
/// - Results stay until new ones are complete: where an earlier run left any, a new one writes into `replacement/` and its files
///   take the old ones' places in the end (`publish`).
/// - While the object lives no other process can claim the folder.
public final class RunDirectory {
  /// The folder as it was named.
  public let root: String
  /// Where this run writes: `root`, or `replacement/` in it.
  public internal(set) var path: String
  /// Sentences about what was found and kept.
  public internal(set) var notices: [String] = []

  var marker: RunMarker
  private let lock: FolderLock

  public var adapter: String { "\(path)/\(Name.adapter)" }
  public var peft: String { "\(path)/peft" }
  public var recipe: String { "\(path)/\(Name.recipe)" }
  public var metrics: String { "\(path)/\(Name.metrics)" }
  public var initialization: String { "\(path)/\(Name.initialization)" }
  /// The picture of the start.
  public var initializationPicture: String { "\(path)/\(Name.initializationPicture)" }
  public var modelCard: String { "\(path)/\(Name.modelCard)" }
  /// What a start that is not finished has found so far (`StartStore`).
  public var unfinishedStart: String { "\(path)/\(Name.unfinishedStart)" }
  /// Everything for going on (`CheckpointStore`).
  public var checkpoints: String { "\(path)/\(Name.checkpoints)" }
  /// Where a run writes while an earlier one's results stay.
  var replacement: String { "\(root)/\(Name.replacement)" }

  /// Names below a run's folder.
  enum Name {
    static let adapter = "adapter.gguf"
    static let peft = ["peft/adapter_config.json", "peft/adapter_model.safetensors"]
    static let recipe = "recipe.yaml"
    static let metrics = "metrics.jsonl"
    static let initialization = "init.json"
    static let initializationPicture = "init.svg"
    static let modelCard = "README.md"
    /// What the run is made of.
    static let summary = "run.json"
    /// Answers as they change.
    static let samples = "samples.jsonl"
    static let report = "report.html"
    /// TensorBoard's.
    static let events = "tensorboard/events.out.tfevents.0.scion"
    static let unfinishedStart = "start.partial"
    static let checkpoints = "checkpoints"
    static let replacement = "replacement"
    /// Every file that a run may write at the end of its names.
    static let files =
      [adapter] + peft
      + [
        recipe, metrics, initialization, initializationPicture, modelCard, summary, samples, report,
        events,
      ]
    static let folders = [unfinishedStart, checkpoints, replacement]
  }

  // MARK: - Claiming

  /// Looks whether `path` could be claimed, and changes nothing: for saying so before long work.
  ///
  /// - Parameters:
  ///   - overwrite: whether a finished run may be replaced.
  ///   - inputs: files that the run reads, none of which may be one that it writes.
  public static func check(
    path: String, overwrite: Bool, inputs: [String]
  ) throws(Failure) {
    let path = trimmed(path)
    let manager = FileManager.default
    for input in inputs {
      for name in Name.files where FileIdentity.same(input, "\(path)/\(name)") {
        // A run may be repeated from the recipe that it wrote: that is read before it is replaced.
        guard name != Name.recipe else { continue }
        throw .isInput(path: "\(path)/\(name)")
      }
    }
    guard manager.fileExists(atPath: path) else { return }
    guard let names = try? manager.contentsOfDirectory(atPath: path) else {
      throw .noFolder(path: path)
    }
    guard let marker = RunMarker(folder: path) else {
      guard !names.contains(RunMarker.name) else {
        throw .cannotMake(
          path: path,
          reason:
            "its \(RunMarker.name) cannot be read, so that what a run wrote there is not known")
      }
      let foreign = names.filter { !isMarkerLeftover($0) }.sorted()
      guard foreign.isEmpty else { throw .foreign(path: path, names: foreign) }
      return
    }
    if marker.state == .finished && !overwrite { throw .finishedRun(path: path) }
    for name in Name.files + Name.folders
    where marker.files[name] == nil && manager.fileExists(atPath: "\(path)/\(name)") {
      // Folders of ours carry no hash; a file by the name of one is not ours.
      if Name.folders.contains(name),
        (try? manager.contentsOfDirectory(atPath: "\(path)/\(name)")) != nil
      {
        continue
      }
      throw .notWritten(path: path, name: name)
    }
  }

  /// Claims the folder `path`, making it where it is missing. Nothing in it changes but the marker's word on who holds it, what
  /// a killed process was just writing is cleared away, and a change of results that was cut short is completed.
  public init(path: String, overwrite: Bool = false, inputs: [String] = []) throws(Failure) {
    let path = Self.trimmed(path)
    let manager = FileManager.default
    try Self.check(path: path, overwrite: overwrite, inputs: inputs)
    do {
      try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotMake(path: path, reason: "the folder cannot be made")
    }
    let lock: FolderLock?
    do { lock = try FolderLock(folder: path) } catch {
      throw .cannotMake(path: path, reason: error.description)
    }
    guard let lock else {
      throw .held(path: path, by: RunMarker(folder: path)?.process.map { ($0.pid, $0.since) })
    }
    self.lock = lock
    root = path
    self.path = path
    marker = RunMarker(folder: path) ?? RunMarker()
    Self.clearTemporaries(path)
    if marker.state == .publishing || RunMarker(folder: replacement)?.state == .finished {
      try publish()
    }
    // Between the look and the claim another run may have ended here.
    if marker.state == .finished && !overwrite { throw .finishedRun(path: path) }
    marker.process = .current
    try marker.write(folder: path)
  }

  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  /// What a process that was killed while it claimed an empty folder leaves.
  private static func isMarkerLeftover(_ name: String) -> Bool {
    name.hasPrefix(".\(RunMarker.name).") && name.hasSuffix(".tmp")
  }

  /// Deletes what a killed run was just writing: `.adapter.gguf.RANDOM.tmp`.
  static func clearTemporaries(_ folder: String) {
    let manager = FileManager.default
    for file in Name.files + [RunMarker.name] {
      let url = URL(fileURLWithPath: "\(folder)/\(file)")
      let parent = url.deletingLastPathComponent().path
      for name in (try? manager.contentsOfDirectory(atPath: parent)) ?? []
      where name.hasPrefix(".\(url.lastPathComponent).") && name.hasSuffix(".tmp") {
        try? manager.removeItem(atPath: "\(parent)/\(name)")
      }
    }
  }

  // MARK: - Beginning

  /// Whether a run in `root` or its replacement was begun and not finished.
  public var isUnfinished: Bool {
    hasReplacement || (marker.state == .unfinished && !marker.files.isEmpty)
  }

  /// Whether earlier results stay until this run's are complete.
  public var isReplacement: Bool { path != root }

  /// Whether the run has come to its steps or validations.
  var hasSteps: Bool {
    !(FileManager.default.contents(atPath: metrics) ?? Data()).isEmpty
  }

  private var hasReplacement: Bool { RunMarker(folder: replacement) != nil }

  /// Turns to the run that is not finished: the replacement where there is one.
  func enterUnfinished() {
    // Once: its marker would be taken for that of the results it is to replace.
    guard !isReplacement, let own = RunMarker(folder: replacement) else { return }
    path = replacement
    replaced = marker
    marker = own
    Self.clearTemporaries(path)
  }

  /// The marker of `root` while `path` is the replacement.
  var replaced: RunMarker?

  /// Makes room for a run from the beginning. What an earlier one left that is of use (an adapter, a checkpoint) stays until
  /// the new results are complete; an unfinished start stays too, to be continued where it fits.
  func beginAnew() throws(Failure) {
    if isReplacement || hasReplacement {
      enterUnfinished()
      try clear()
      return
    }
    let manager = FileManager.default
    let isOfUse =
      marker.files[Name.adapter] != nil
      || CheckpointStore(folder: checkpoints).holdsManifests
    guard isOfUse else { return try clear() }
    do {
      try manager.createDirectory(atPath: replacement, withIntermediateDirectories: true)
    } catch {
      throw .cannotMake(path: replacement, reason: "the folder cannot be made")
    }
    replaced = marker
    path = replacement
    marker = RunMarker()
    try marker.write(folder: path)
  }

  /// Deletes what the run in `path` wrote, except an unfinished start.
  private func clear() throws(Failure) {
    for name in marker.files.keys.sorted() { try retire(name) }
    CheckpointStore(folder: checkpoints).removeAll()
    marker = RunMarker()
    marker.process = .current
    try marker.write(folder: path)
  }
}
