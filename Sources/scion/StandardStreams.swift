import Foundation

/// Writing to stdout and stderr. stdout carries results: one that cannot be written is an error. stderr carries messages: when it
/// is closed or full there is nobody to tell.
enum StandardStreams {
  /// A result that could not be delivered; `reason` is the system's word.
  struct Failure: Error, CustomStringConvertible {
    let reason: String

    var description: String {
      "cannot write to stdout: \(reason); free some space or choose another target"
    }
  }

  /// Writes `text` to stdout as it is. Throws `Failure`.
  static func result(_ text: String) throws(Failure) { try result(Data(text.utf8)) }

  /// Writes bytes to stdout as they are. Throws `Failure`.
  static func result(_ bytes: Data) throws(Failure) {
    do {
      try FileHandle.standardOutput.write(contentsOf: bytes)
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      // Foundation says "The operation could not be completed. No space left on device".
      let words = cause?.localizedDescription.split(separator: ". ").last ?? "the system refused"
      throw Failure(reason: words.prefix(1).lowercased() + words.dropFirst())
    }
  }

  /// Writes `text` to stderr as it is.
  static func message(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
