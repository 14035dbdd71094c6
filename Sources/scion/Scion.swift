import ArgumentParser
import Foundation
import Transformer

/// The command line of Scion: one verb a file. Parsing and errors only; the work is in the libraries.
struct Scion: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scion",
    abstract: "Fine-tune quantized language models on ordinary CPUs.",
    discussion: """
      The base model stays in the 4-bit or 8-bit blocks of its GGUF file. Only small adapters are trained, from a \
      random start or, with --init lora-one, from the directions of the first gradient. The result is an adapter that \
      llama.cpp and PEFT load, or one merged, quantized GGUF.

      A first run:
        scion train -m base.gguf --data examples/ -o tuned
        scion eval -m base.gguf --adapter tuned --task exact --data test.jsonl
        scion merge -m base.gguf --adapter tuned -o merged.gguf
        scion generate -m merged.gguf --chat -p "Hello"

      stdout carries results, stderr progress and messages. Exit codes: 0 done, 1 failed at run time, 2 bad usage \
      or recipe, 3 bad input file, 4 does not fit the memory budget, 130 interrupted (ctrl-C or SIGTERM).
      """,
    version: ScionVersion.current,
    subcommands: [
      TrainCommand.self, PlanCommand.self, EvalCommand.self, GenerateCommand.self,
      MergeCommand.self,
      ExportCommand.self, ImportCommand.self, InspectCommand.self, TemplateCommand.self,
      TokenizeCommand.self, DataCommand.self, ReportCommand.self,
    ]
  )
}

/// Where the program begins: parses, runs, and turns every error into one sentence and an exit code.
@main
struct Program {
  static func main() {
    InterruptFlag.endAtOnce()
    ThreadChoice.limit()
    do {
      var command = try Scion.parseAsRoot()
      let arguments = Array(CommandLine.arguments.dropFirst())
      for notice in try RepeatedOptions.notices(arguments, of: type(of: command)) {
        StandardStreams.message("scion: \(notice)\n")
      }
      try command.run()
    } catch {
      let code = ExitStatus(error)
      let message = code.message(for: error)
      if code == .done {
        try? StandardStreams.result(message + "\n")
      } else {
        StandardStreams.message(message + "\n")
      }
      Foundation.exit(code.rawValue)
    }
  }
}
