import FineTuning
import Inference
import ModelFiles
import Testing
import Transformer

@testable import scion

struct ExitStatusTests {
  @Test("Every kind of error has the exit code of the contract")
  func codes() {
    let codes: [(any Error, scion.ExitStatus)] = [
      (UsageError("x"), .badUsage), (RecipeError.missing(key: "data"), .badUsage),
      (RecipeError.inFile(path: "r", .missing(key: "data")), .badUsage),
      (GGUFError.bigEndian(path: "x"), .badInput),
      (GGUFError.unnamedPart(path: "x", count: 2), .badInput),
      (DataError.noTrainingFile(folder: "x"), .badInput),
      (AdapterError.notAnAdapter(path: "x"), .badInput),
      (AdapterError.sameFile(path: "x"), .badUsage),
      (TransformerError.doesNotFit(budget: 1, smallest: 2), .doesNotFit),
      (TransformerError.inFile(path: "x", .adapterInsteadOfModel), .badInput),
      (GGUFError.cannotWrite(.diskFull(path: "x", reason: "full")), .failed),
      (RunDirectory.Failure.cannotMake(path: "x", reason: "y"), .failed),
      (RunDirectory.Failure.finishedRun(path: "x"), .badUsage),
      (StandardStreams.Failure(reason: "full"), .failed),
      (Interrupted(description: "x"), .interrupted),
    ]
    for (error, status) in codes {
      #expect(scion.ExitStatus(error) == status, "\(error)")
    }
    #expect(
      scion.ExitStatus.interrupted.rawValue == 130 && scion.ExitStatus.doesNotFit.rawValue == 4)
  }
}
