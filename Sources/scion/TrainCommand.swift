import ArgumentParser
import FineTuning
import Foundation
import Tensors
import Transformer

/// `scion train`: from a quantized model and examples to an adapter.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fine-tune a quantized model: train low-rank adapters on examples.",
    discussion: """
      Data are records with prompt/completion, messages, conversations (ShareGPT), instruction/output (Alpaca), text or \
      input_ids, in JSON lines, one JSON array, CSV or TSV (also .gz, .zst), raw text files, or a folder with train.jsonl \
      and, where there is, valid.jsonl. Loss is taken on completions and assistant turns.

      The output folder receives adapter.gguf (for llama.cpp), peft/ (for Hugging Face PEFT), recipe.yaml (to run it \
      again), metrics.jsonl, init.json and a model card. Ctrl-C ends the run after the current step and keeps what was \
      trained.

        scion train -m base.gguf --data examples/ -o tuned --epochs 2 --lr 5e-4
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: TrainOptions

  func run() throws {
    let recipe = try options.makeRecipe(model)
    try recipe.validate()
    guard let output = recipe.output else {
      throw UsageError("no output folder given: add -o FOLDER")
    }
    if let threads = recipe.threads { Processor.threads = threads }
    var reporter = TerminalReporter(quiet: recipe.quiet)
    let interrupt = InterruptFlag()

    let session = try FineTuneSession(recipe, version: ScionVersion.current)
    let directory = try RunDirectory(path: output, overwrite: options.overwrite)
    var run = TrainingRun(session: session, directory: directory, interrupt: interrupt)
    try run.describe(&reporter)
    try run.begin(&reporter)
    try run.train(&reporter)
  }
}
