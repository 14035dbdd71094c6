import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
import Serving
import Tensors
import Tokenization
import Transformer

/// The exit codes of the contract, and which error has which.
enum ExitStatus: Int32 {
  case done = 0
  case failed = 1
  case badUsage = 2
  case badInput = 3
  case doesNotFit = 4
  case interrupted = 130

  init(_ error: any Error) {
    self =
      ExitStatus(ofLibrary: error)
      ?? {
        switch Scion.exitCode(for: error) {
        case .success: .done
        case .validationFailure: .badUsage
        default: .failed
        }
      }()
  }

  /// The code of an error of our own; nil for the argument parser's and the system's.
  private init?(ofLibrary error: any Error) {
    switch error {
    case is Interrupted: self = .interrupted
    case is UsageError, is RecipeError, is ServingError: self = .badUsage
    case is StandardStreams.Failure: self = .failed
    case let error as TransformerError:
      if case .doesNotFit = error { self = .doesNotFit } else { self = .badInput }
    case let error as TensorError:
      switch error {
      case .cannotMap: self = .badInput
      case .outOfMemory: self = .doesNotFit
      case .noConvergence, .cannotSpill, .cannotWrite: self = .failed
      }
    case let error as GGUFError:
      if case .cannotWrite = error { self = .failed } else { self = .badInput }
    case let error as SafetensorsError:
      if case .cannotWrite = error { self = .failed } else { self = .badInput }
    case let error as AdapterError:
      switch error {
      case .gguf(.cannotWrite), .safetensors(.cannotWrite), .cannotWrite: self = .failed
      case .sameFile: self = .badUsage
      default: self = .badInput
      }
    case let error as RunDirectory.Failure:
      self = error.isUsage ? .badUsage : .failed
    case let error as InferenceError:
      switch error {
      case .invalidOption, .emptyPrompt, .promptTooLong: self = .badUsage
      default: self = .badInput
      }
    case let error as EvaluationError:
      switch error {
      case .invalidContext, .tooFewShots: self = .badUsage
      default: self = .badInput
      }
    case DataError.cannotKeep: self = .failed
    case is TokenizationError, is DataError, is RunRecord.Failure, is TokenizeInput.Failure,
      is DataCommand.WouldFail:
      self = .badInput
    case let error as TrainingError: self = error.isOfBase ? .badInput : .failed
    case is WriteError: self = .failed
    default: return nil
    }
  }

  /// The sentence for the terminal (help text for a request for help).
  func message(for error: any Error) -> String {
    if ExitStatus(ofLibrary: error) != nil { return "scion: \(error)" }
    guard self == .badUsage else { return Scion.fullMessage(for: error) }
    return "scion: "
      + UsageText.sentence(
        message: Scion.message(for: error), fullMessage: Scion.fullMessage(for: error),
        first: CommandLine.arguments.dropFirst().first)
  }
}

/// A combination of flags that cannot work, found after parsing.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ctrl-C or SIGTERM: exit code 130 for both; what was trained has been saved.
struct Interrupted: Error, CustomStringConvertible {
  let description: String
}
