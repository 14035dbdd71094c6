import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
import Transformer

/// `scion export`: an adapter in another program's form.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write an adapter as a llama.cpp GGUF or a Hugging Face PEFT folder.",
    discussion: """
      train writes both forms already (with adapters on experts adapter.gguf alone); export is for adapters that came
      from elsewhere.

        scion export -m base.gguf --adapter tuned --to peft -o tuned-peft
      """)

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp(
      "The base that the adapter belongs to (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Adapter: the folder that train wrote, an adapter.gguf, or a PEFT folder.",
      valueName: "path"),
    completion: .file())
  var adapter: String

  @Option(help: ArgumentHelp("The form to write.", valueName: "gguf|peft"))
  var to: AdapterForm

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("File (gguf) or folder (peft) to write.", valueName: "path"),
    completion: .file())
  var output: String

  @Flag(help: "Replace an existing output file, or the adapter in an existing folder.")
  var overwrite = false

  func run() throws {
    guard let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] else {
      throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
    }
    switch to {
    case .gguf:
      try OutputPath.check(output, .gguf, overwrite: overwrite, inputs: [path, self.adapter])
    case .peft:
      try OutputPath.checkPEFT(output, overwrite: overwrite, inputs: [path, self.adapter])
    }
    let base = try GGUFFile(path: path)
    let adapter = try Adapter(path: adapter, base: base)
    try to.write(adapter, base, output)
    try StandardStreams.result(output + "\n")
  }
}

/// `scion import`: an adapter of another program as a GGUF adapter.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Read a PEFT folder or a llama.cpp adapter and write a GGUF adapter.",
    discussion: "  scion import tuned-peft -m base.gguf -o adapter.gguf")

  @Argument(
    help: ArgumentHelp("PEFT folder or adapter GGUF.", valueName: "path"),
    completion: .file())
  var adapter: String

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp(
      "The base that the adapter belongs to (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file())
  var output: String

  @Flag(help: "Replace an existing output file.")
  var overwrite = false

  func run() throws {
    guard let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] else {
      throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
    }
    try OutputPath.check(output, .gguf, overwrite: overwrite, inputs: [path, adapter])
    let base = try GGUFFile(path: path)
    try AdapterForm.gguf.write(Adapter(path: adapter, base: base), base, output)
    try StandardStreams.result(output + "\n")
  }
}

/// The forms an adapter can be written in.
enum AdapterForm: String, ExpressibleByArgument, CaseIterable {
  case gguf, peft

  func write(_ adapter: Adapter, _ base: GGUFFile, _ output: String) throws {
    let name = output.split(separator: "/").last.map(String.init) ?? output
    switch self {
    case .gguf: try adapter.writeGGUF(path: output, base: base.metadata, name: name)
    case .peft:
      try adapter.writePEFT(
        folder: output, base: try ModelConfiguration(base),
        baseName: base.metadata.string("general.name") ?? name)
    }
  }
}
