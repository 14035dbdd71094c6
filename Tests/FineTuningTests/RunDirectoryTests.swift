import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// Whose folder and whose files: a run touches only what it wrote, and what is good stays until something better is complete.
struct RunDirectoryTests {
  private typealias Name = RunDirectory.Name

  /// A finished run with an adapter and a card.
  private func finished(_ path: String) throws {
    let run = try RunDirectory(path: path)
    try run.beginAnew()
    try run.write("old", to: Name.adapter)
    try run.write("old card", to: Name.modelCard)
    try run.finish()
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test("The folder and its parents are made, and marked")
  func makesTheFolderAndItsParents() throws {
    let folder = try TemporaryFolder()
    let run = try RunDirectory(path: "\(folder.path)/a/b/")
    try run.write("text", to: Name.recipe)
    #expect(try folder.names(in: "a/b") == [".scion-run", "recipe.yaml"])
  }

  @Test(
    "A folder that holds things and no marker is refused by their names, and nothing in it changes")
  func refusesAForeignFolder() throws {
    let folder = try TemporaryFolder()
    for name in ["README.md", "a", "b", "recipe.yaml"] { _ = try folder.write(name, "mine") }
    let failure = RunDirectory.Failure.foreign(
      path: folder.path, names: ["README.md", "a", "b", "recipe.yaml"])
    for overwrite in [false, true] {
      #expect(throws: failure) { try RunDirectory(path: folder.path, overwrite: overwrite) }
    }
    #expect(
      failure.description.contains("holds README.md, a, b and 1 more, which no run of Scion wrote"))
    #expect(try folder.names() == ["README.md", "a", "b", "recipe.yaml"])
    #expect(try text("\(folder.path)/README.md") == "mine")
  }

  @Test(
    "A finished run is refused unless it may be replaced, and its results stay until the new ones are complete"
  )
  func replacesOnlyWhatIsComplete() throws {
    let folder = try TemporaryFolder()
    try finished(folder.path)
    _ = try folder.write("mine.txt", "x")
    #expect(throws: RunDirectory.Failure.finishedRun(path: folder.path)) {
      try RunDirectory(path: folder.path)
    }
    let names = [".scion-run", "README.md", "adapter.gguf", "mine.txt"]
    // A run that fails before its end.
    try {
      let run = try RunDirectory(path: folder.path, overwrite: true)
      try run.beginAnew()
      #expect(run.isReplacement)
      try run.write("new", to: Name.adapter)
    }()
    #expect(try text("\(folder.path)/adapter.gguf") == "old")
    let run = try RunDirectory(path: folder.path, overwrite: true)
    #expect(run.isUnfinished)
    // As a run does that finds no checkpoint there.
    run.enterUnfinished()
    try run.beginAnew()
    #expect(try folder.names(in: "replacement") == [".scion-run"])
    try run.write("new", to: Name.adapter)
    #expect(try text("\(folder.path)/adapter.gguf") == "old")
    #expect(try folder.names() == (names + ["replacement"]).sorted())
    try run.finish()
    #expect(try text("\(folder.path)/adapter.gguf") == "new")
    // The card was of the old results.
    #expect(try folder.names() == [".scion-run", "adapter.gguf", "mine.txt"])
    #expect(run.notices.isEmpty && run.path == folder.path)
  }

  @Test("A run killed within its first checkpoint leaves nothing that asks for a replacement")
  func ignoresHalfACheckpoint() throws {
    let folder = try TemporaryFolder()
    try {
      let run = try RunDirectory(path: folder.path)
      try FileManager.default.createDirectory(
        atPath: "\(run.checkpoints)/.step-0.abc.tmp", withIntermediateDirectories: true)
      try FileManager.default.createDirectory(
        atPath: "\(run.checkpoints)/step-2", withIntermediateDirectories: true)
      try FileManager.default.createDirectory(
        atPath: run.unfinishedStart, withIntermediateDirectories: true)
      _ = FileManager.default.createFile(
        atPath: "\(run.unfinishedStart)/state.json", contents: nil)
    }()
    let run = try RunDirectory(path: folder.path)
    try run.beginAnew()
    #expect(!run.isReplacement)
    // The start stays, to be continued.
    #expect(FileManager.default.fileExists(atPath: "\(run.unfinishedStart)/state.json"))
    #expect(!FileManager.default.fileExists(atPath: run.checkpoints))
  }

  @Test("What takes the place of an unfinished run takes its unfinished start away")
  func removesAReplacedStart() throws {
    let folder = try TemporaryFolder()
    try finished(folder.path)
    let start = "\(folder.path)/start.partial"
    try FileManager.default.createDirectory(atPath: start, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: "\(start)/state.json", contents: nil)
    let run = try RunDirectory(path: folder.path, overwrite: true)
    try run.beginAnew()
    try run.write("new", to: Name.adapter)
    try run.finish()
    #expect(!FileManager.default.fileExists(atPath: start))
  }

  @Test("A change of results that was cut short anywhere is completed by the next claim")
  func completesAPublication() throws {
    for moved in [0, 1] {
      let folder = try TemporaryFolder()
      try finished(folder.path)
      try {
        let run = try RunDirectory(path: folder.path, overwrite: true)
        try run.beginAnew()
        try run.write("new", to: Name.adapter)
        try run.write("new recipe", to: Name.recipe)
        // As `finish` does it, killed in the middle.
        run.marker.state = .finished
        try run.marker.write(folder: run.path)
        if moved == 1 {
          try FileManager.default.removeItem(atPath: "\(folder.path)/adapter.gguf")
          try FileManager.default.moveItem(
            atPath: run.adapter, toPath: "\(folder.path)/adapter.gguf")
        }
      }()
      #expect(throws: RunDirectory.Failure.finishedRun(path: folder.path)) {
        try RunDirectory(path: folder.path)
      }
      _ = try RunDirectory(path: folder.path, overwrite: true)
      #expect(try text("\(folder.path)/adapter.gguf") == "new")
      #expect(try text("\(folder.path)/recipe.yaml") == "new recipe")
      #expect(!(try folder.names().contains("replacement")))
    }
  }

  @Test("A file of the run that somebody changed is kept beside, and said")
  func keepsChangedFiles() throws {
    let folder = try TemporaryFolder()
    try finished(folder.path)
    _ = try folder.write("README.md", "my own words")
    let run = try RunDirectory(path: folder.path, overwrite: true)
    try run.beginAnew()
    try run.write("new", to: Name.adapter)
    try run.write("new card", to: Name.modelCard)
    try run.finish()
    #expect(try text("\(folder.path)/README.md") == "new card")
    #expect(try text("\(folder.path)/README.md.kept") == "my own words")
    #expect(
      run.notices == [
        "\(folder.path)/README.md was changed since the run wrote it: it is kept as "
          + "\(folder.path)/README.md.kept"
      ])
  }

  @Test("Something of the user's under a run's name is refused, something under another name stays")
  func refusesWhatItDidNotWrite() throws {
    let folder = try TemporaryFolder()
    _ = try RunDirectory(path: folder.path)
    _ = try folder.write("init.svg", "my picture")
    #expect(throws: RunDirectory.Failure.notWritten(path: folder.path, name: "init.svg")) {
      try RunDirectory(path: folder.path)
    }
    #expect(try text("\(folder.path)/init.svg") == "my picture")
  }

  @Test("What a killed run left is cleared by the next, what is not its own stays")
  func clearsWhatAnInterruptedRunLeft() throws {
    let folder = try TemporaryFolder()
    try {
      let run = try RunDirectory(path: folder.path)
      try run.beginAnew()
      try run.list(growing: Name.metrics)
      _ = try folder.write("metrics.jsonl", "{}")
    }()
    _ = try folder.write(".adapter.gguf.abc.tmp", "half")
    _ = try folder.write("mine.txt", "x")
    let run = try RunDirectory(path: folder.path)
    #expect(run.isUnfinished)
    // As a run does that finds no checkpoint there.
    run.enterUnfinished()
    try run.beginAnew()
    #expect(try folder.names() == [".scion-run", "mine.txt"])
  }

  @Test("A claim that was killed before its marker was there leaves an empty folder")
  func emptyMeansWithoutAnotherFile() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("..scion-run.abc.tmp", "half")
    _ = try RunDirectory(path: folder.path)
    #expect(try folder.names() == [".scion-run"])
  }

  @Test("While a run lives, a second one is refused with the number of its process")
  func oneRunAFolder() throws {
    let folder = try TemporaryFolder()
    let first = try RunDirectory(path: folder.path)
    let pid = ProcessInfo.processInfo.processIdentifier
    do {
      _ = try RunDirectory(path: folder.path)
      Issue.record("a second run got the folder")
    } catch {
      #expect(
        error.description.hasPrefix(
          "\(folder.path) is held by another run (process \(pid), since 2"))
    }
    withExtendedLifetime(first) {}
  }

  @Test("A folder that a run left is free at once")
  func freeAfterTheRun() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<2 { _ = try RunDirectory(path: folder.path) }
    #expect(try folder.names() == [".scion-run"])
  }

  @Test("An input under a run's name is refused, however it is spelled")
  func refusesInputs() throws {
    let folder = try TemporaryFolder()
    _ = try RunDirectory(path: folder.path)
    let base = try folder.write("base.gguf", "x")
    try FileManager.default.linkItem(atPath: base, toPath: "\(folder.path)/adapter.gguf")
    #expect(throws: RunDirectory.Failure.isInput(path: "\(folder.path)/adapter.gguf")) {
      try RunDirectory(path: folder.path, inputs: ["\(folder.path)/./base.gguf"])
    }
  }

  @Test("A marker that cannot be read is no claim on anything")
  func refusesADamagedMarker() throws {
    let folder = try TemporaryFolder()
    try finished(folder.path)
    _ = try folder.write(".scion-run", "{")
    #expect(throws: RunDirectory.Failure.self) {
      try RunDirectory(path: folder.path, overwrite: true)
    }
    #expect(try text("\(folder.path)/adapter.gguf") == "old")
  }

  @Test func refusesAFileInItsPlace() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("out", "x")
    #expect(throws: RunDirectory.Failure.self) { try RunDirectory(path: path) }
  }

  @Test func theModelCardHoldsTheFactsItWasGiven() {
    var card = ModelCard(
      name: "mine", baseName: "org/\"m\"", recipe: FineTuneRecipe(), parameterCount: 123,
      trainSequences: 4, trainTokens: 5, steps: 6, elapsedSeconds: 7.25)
    #expect(!card.markdown.contains("Validation loss"))
    card.baseValidationLoss = 3
    card.validationLoss = 1.23456
    #expect(card.markdown.hasPrefix("---\nbase_model: \"org/\\\"m\\\"\"\n"))
    #expect(card.markdown.contains("| Validation loss | 3.0 (base) → 1.2346 |"))
    #expect(card.markdown.contains("| Trained values | 123 |"))
    // A card names the folder for PEFT where there is one, and says what else lies there either way.
    #expect(card.markdown.contains("library_name: peft") && card.markdown.contains("`peft/`"))
    card.hasPEFT = false
    #expect(!card.markdown.lowercased().contains("peft"))
    #expect(card.markdown.contains("`recipe.yaml`"))
  }
}
