import ArgumentParser
import FineTuning
import Foundation
import Inference
import ModelFiles
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
    switch error {
    case is Interrupted: self = .interrupted
    case let error as TransformerError:
      if case .doesNotFit = error { self = .doesNotFit } else { self = .badInput }
    case let error as TensorError:
      switch error {
      case .cannotMap: self = .badInput
      case .outOfMemory: self = .doesNotFit
      case .noConvergence, .cannotSpill: self = .failed
      }
    case is GGUFError, is SafetensorsError, is TokenizationError, is DataError, is AdapterFileError:
      self = .badInput
    case is RecipeError, is UsageError: self = .badUsage
    case is TrainingError, is AtomicFileError, is RunDirectoryError: self = .failed
    default:
      switch Scion.exitCode(for: error) {
      case .success: self = .done
      case .validationFailure: self = .badUsage
      default: self = .failed
      }
    }
  }

  /// The sentence for the terminal (help text for a request for help).
  func message(for error: any Error) -> String {
    switch error {
    case is any CustomStringConvertible & ScionError: "scion: \(error)"
    default: Scion.fullMessage(for: error)
    }
  }
}

/// A combination of flags that cannot work, found after parsing.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ctrl-C or SIGTERM; what was trained has been saved.
struct Interrupted: Error, CustomStringConvertible {
  let description: String
}
