internal import Inference
internal import Tensors
internal import Transformer

/// What two runs must have in common for one to go on from the other's checkpoint.
struct RunFingerprint: Codable, Equatable {
  /// By recipe key: a difference means another run.
  var settings: [String: String]
  /// What may change last bits: versions, machine, micro-batches, which products are kept and which are computed again from
  /// rounded inputs. A difference is said.
  var arithmetic: [String: String]

  /// `layers` is the model's number of blocks.
  init(_ recipe: FineTuneRecipe, _ plan: MemoryPlan, layers: Int, products: ProductArithmetic) {
    settings = recipe.spelledOut.texts(bearing: [.start, .result])
    settings["model"] = recipe.provenance?.base.sha256
    if let template = recipe.provenance?.template { settings["template"] = template.sha256 }
    settings["weights"] = recipe.data.map { "\((try? DataPart($0).weight) ?? 1)" }
      .joined(separator: " ")
    settings["data"] = (recipe.provenance?.data ?? []).map(\.sha256).joined(separator: " ")
    arithmetic = [
      "version": recipe.provenance?.scion ?? "",
      "instruction set": Processor.instructionSet.name,
      "micro-batches": "\(plan.microTokens) tokens",
      "kept products": "\(min(plan.keptLayers, layers)) layers",
      "products": products == .int8 ? "int8" : "as stored",
    ]
  }

  /// The keys in which `other` is another run.
  func differences(from other: RunFingerprint) -> [String] {
    Self.differences(settings, other.settings)
  }

  /// Names of what will change last bits.
  func otherArithmetic(than other: RunFingerprint) -> [String] {
    Self.differences(arithmetic, other.arithmetic)
  }

  private static func differences(_ left: [String: String], _ right: [String: String]) -> [String] {
    Set(left.keys).union(right.keys).sorted().filter { left[$0] != right[$0] }
  }
}

extension FineTuneSession {
  /// Of this run.
  var fingerprint: RunFingerprint {
    RunFingerprint(
      recipe, memoryPlan, layers: loaded.model.configuration.layerCount,
      products: loaded.model.arithmetic)
  }
}
