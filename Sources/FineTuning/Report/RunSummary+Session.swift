internal import Inference
internal import Tensors
internal import Transformer

extension FineTuneSession {
  /// What the run is made of.
  var summary: RunSummary {
    RunSummary(
      version: recipe.provenance?.scion ?? "", base: loaded.model.configuration.name,
      baseBytes: loaded.file.byteCount, train: RunSummary.Part(data.train),
      validation: data.validation.map(RunSummary.Part.init),
      records: data.train.recordCount + (data.validation?.recordCount ?? 0),
      truncated: data.train.truncatedCount + (data.validation?.truncatedCount ?? 0),
      dropped: data.train.droppedCount + (data.validation?.droppedCount ?? 0),
      skipped: data.train.skipped.count + (data.validation?.skipped.count ?? 0),
      adapterParameters: trainer.adapters.layout.parameterCount,
      adapterMatrices: trainer.adapters.layout.slots.count, plannedBytes: memoryPlan.total,
      budgetBytes: recipe.memory?.byteCount, instructionSet: Processor.instructionSet.name,
      threads: Processor.threads)
  }
}
