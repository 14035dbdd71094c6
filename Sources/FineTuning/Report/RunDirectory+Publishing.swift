internal import Foundation
internal import Tensors

// The end of a run: its results take the places of an earlier one's.

extension RunDirectory {
  /// Says that the results are complete: those of a replacement take the places of the earlier ones.
  func finish(keepsCheckpoints: Bool = false) throws(Failure) {
    marker.state = .finished
    try marker.write(folder: path)
    // Not before: a process that is killed here has finished.
    if !keepsCheckpoints { CheckpointStore(folder: checkpoints).removeAll() }
    guard isReplacement, var old = replaced else { return }
    old.state = .publishing
    try old.write(folder: root)
    (path, marker, replaced) = (root, old, nil)
    try publish()
  }

  /// Moves the results of `replacement/` into `root`, as often as it takes: each step can be done again.
  func publish() throws(Failure) {
    let manager = FileManager.default
    guard let new = RunMarker(folder: replacement), new.state == .finished else {
      // The last thing to go is the replacement's marker: everything else has been moved.
      marker.state = .finished
      return try marker.write(folder: root)
    }
    for name in marker.files.keys.sorted() where new.files[name] == nil { try retire(name) }
    for name in new.files.keys.sorted() {
      let source = "\(replacement)/\(name)"
      guard manager.fileExists(atPath: source) else { continue }
      try setAside(name, in: root, marker)
      let target = "\(root)/\(name)"
      do {
        try manager.createDirectory(
          atPath: URL(fileURLWithPath: target).deletingLastPathComponent().path,
          withIntermediateDirectories: true)
      } catch {
        throw .cannotMake(path: root, reason: "the folder of \(name) cannot be made")
      }
      // Listed before it is there: a process that is killed in between finds a file of its own.
      marker.files[name] = ""
      try marker.write(folder: root)
      do { try OutputFolder.move(source, to: target) } catch {
        throw .cannotMake(path: root, reason: error.description)
      }
      marker.files[name] = new.files[name]
      try marker.write(folder: root)
    }
    let old = CheckpointStore(folder: "\(root)/\(Name.checkpoints)")
    if manager.fileExists(atPath: "\(replacement)/\(Name.checkpoints)") {
      old.removeAll()
      try? manager.moveItem(
        atPath: "\(replacement)/\(Name.checkpoints)", toPath: "\(root)/\(Name.checkpoints)")
    } else {
      old.removeAll()
    }
    // Of the run that was replaced: nothing will continue it.
    try StartStore.remove(folder: "\(root)/\(Name.unfinishedStart)")
    marker.state = .finished
    marker.files = new.files
    try marker.write(folder: root)
    Self.removeEmpty(folderOf: "\(replacement)/peft/x")
    Self.removeEmpty(folderOf: "\(replacement)/\(Name.events)")
    try? manager.removeItem(atPath: "\(replacement)/\(RunMarker.name)")
    if (try? manager.contentsOfDirectory(atPath: replacement)) == [] {
      try? manager.removeItem(atPath: replacement)
    }
  }
}
