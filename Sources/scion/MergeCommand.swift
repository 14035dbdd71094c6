public import ArgumentParser
public import FineTuning
import Foundation
import Inference
import ModelFiles
import Tensors

/// `scion merge`: base + adapter → one GGUF that needs no adapter.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write one quantized GGUF with the adapter merged into the base.",
    discussion: """
      Streamed tensor by tensor; the base is left as it is and its metadata (tokenizer, template) are kept. --type q8_0, the \
      default, holds what the adapter learned. --type keep quantizes each changed tensor back to its own type: in 4 bits \
      most of an adapter's changes are smaller than a step and rounded away, so measure the result with eval. q4_k, q5_k and \
      q6_k need rows of whole blocks of 256; other matrices become q5_0, q5_1 and q8_0, which a notice says. The output \
      appears only when it is complete.

        scion merge -m base.gguf --adapter tuned -o merged.gguf
      """)

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("Base model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Adapter: the folder that train wrote, an adapter.gguf, or a PEFT folder.",
      valueName: "path"),
    completion: .file())
  var adapter: String

  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file())
  var output: String

  @Option(help: ArgumentHelp("Type of the weights.", valueName: "type"))
  var type: MergeType = .format(.q8_0)

  @Option(
    help: ArgumentHelp(
      "general.name of the merged model (default: the base's and \"LoRA\").", valueName: "text"))
  var name: String?

  @Flag(help: "Replace an existing output file.")
  var overwrite = false

  @Flag(help: "No progress on stderr.")
  var quiet = false

  func run() throws {
    guard let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] else {
      throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
    }
    try OutputPath.check(output, .gguf, overwrite: overwrite, inputs: [path, adapter])
    let base = try GGUFFile(path: path)
    let adapter = try Adapter(path: adapter, base: base)
    let began = ContinuousClock.now
    var reporter = TerminalReporter(quiet: quiet)
    let interrupt = InterruptFlag()
    var merger = try Merger(base: base, adapter: adapter, type: type, output: output, name: name)
    merger.stop = interrupt.stop
    for notice in merger.plan.notices { reporter.warn(notice) }
    var changed = 0
    while let step = try merger.next() {
      if step.entry.isAdapted { changed += 1 }
      reporter.progress("merge \(step.index + 1)/\(step.count)  \(step.entry.tensor.name)")
      if interrupt.isSet {
        reporter.closeLine()
        throw Interrupted(description: "interrupted: \(output) was not written")
      }
    }
    try merger.finish()
    reporter.closeLine()
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    let size = try GGUFFile(path: output).byteCount
    reporter.say(
      String(
        format: "merged %d tensors in %.1f s, peak memory %@", changed, seconds,
        bytesText(ProcessMemory.peak)))
    try StandardStreams.result("\(output)  \(bytesText(size))\n")
  }
}

extension MergeType: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }

  public static var allValueStrings: [String] { names }

  public var defaultValueDescription: String { name }
}
