internal import Foundation
internal import NIOCore

/// Why nothing can be served.
public enum ServingError: Error, Equatable, CustomStringConvertible {
  /// Another program listens there.
  case portInUse(Int)
  /// The system keeps the port for others.
  case portNotAllowed(Int)
  case cannotListen(port: Int, reason: String)

  init(_ error: any Error, port: Int) {
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE: self = .portInUse(port)
    case EACCES, EPERM: self = .portNotAllowed(port)
    default: self = .cannotListen(port: port, reason: "\(error)")
    }
  }

  public var description: String {
    switch self {
    case .portInUse(let port):
      "port \(port) is in use: choose another, or 0 for one that is free"
    case .portNotAllowed(let port):
      "port \(port) is kept by the system: choose one above 1023, or 0 for one that is free"
    case .cannotListen(let port, let reason):
      "cannot listen on port \(port): \(reason); choose another, or 0 for one that is free"
    }
  }
}
