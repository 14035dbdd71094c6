import ArgumentParser
import FineTuning
import Tensors
import Transformer

/// Rows of a user's file, as a training run reads them: the model's chat template, prompts masked.
struct RealRows: ParsableArguments {
  @Option(
    help: ArgumentHelp("Rows to train on, as `scion train --data`.", valueName: "file"),
    completion: .file())
  var data = "samples/home/train.jsonl"

  @Option(help: "Rows of one step.")
  var batch = 16

  func validate() throws {
    guard batch > 0 else { throw ValidationError("--batch must be 1 or more") }
  }

  /// A run over all rows of the file, ready for its first step: adapters of both factors small and random.
  func session(_ model: String, compute: ComputeType) throws -> FineTuneSession {
    var recipe = FineTuneRecipe()
    recipe.model = model
    recipe.data = [data]
    recipe.batch = batch
    recipe.valSplit = 0
    recipe.rank = TrainingSetup.rank
    recipe.compute = compute.rawValue
    recipe.threads = Processor.threads
    let session = try FineTuneSession(recipe, version: "benchmark")
    TrainingSetup.draw(session.trainer.adapters)
    return session
  }
}
