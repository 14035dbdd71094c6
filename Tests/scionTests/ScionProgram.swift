import Foundation
import Testing

/// The built executable, run as a user runs it: a process with arguments, in a folder of its own.
struct ScionProgram {
  /// How a run ended and what it said.
  struct Outcome {
    /// Exit code, or 128 + the signal that ended it.
    let code: Int32
    let output: String
    let messages: String
  }

  /// A run that has not ended.
  final class Running {
    let process: Process
    fileprivate let folder: String
    fileprivate let outputs: [FileHandle]

    fileprivate init(_ process: Process, folder: String, outputs: [FileHandle]) {
      self.process = process
      self.folder = folder
      self.outputs = outputs
    }

    /// Waits for the end.
    func wait() -> Outcome {
      process.waitUntilExit()
      for output in outputs { try? output.close() }
      let isSignal = process.terminationReason == .uncaughtSignal
      return Outcome(
        code: process.terminationStatus + (isSignal ? 128 : 0),
        output: text("\(folder)/.stdout"), messages: text("\(folder)/.stderr"))
    }

    /// Waits until `holds`, however slow the machine is; a run that ends before is an error, and so is one that hangs.
    func wait(until holds: () -> Bool) throws {
      let hung = Date(timeIntervalSinceNow: 900)
      while !holds() {
        try #require(process.isRunning || holds(), "the run ended before: \(messages)")
        try #require(Date() < hung, "the run hangs: \(messages)")
        Thread.sleep(forTimeInterval: 0.002)
      }
    }

    /// Messages so far.
    var messages: String { text("\(folder)/.stderr") }

    private func text(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
  }

  /// `scion` lies beside the test executable.
  static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("scion").path

  /// Starts `scion arguments` with `folder` as working folder. `output` takes stdout, if it is to go elsewhere;
  /// `input` is the path of what stdin gives (nothing); `temporary` is `TMPDIR`.
  static func start(
    _ arguments: [String], in folder: String, output: String? = nil, input: String? = nil,
    temporary: String? = nil
  ) throws -> Running {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
    // The tier that the tests are run for is the program's too.
    process.environment?["SCION_ISA"] = ProcessInfo.processInfo.environment["SCION_ISA"]
    process.environment?["TMPDIR"] = temporary
    let handles = try [output ?? "\(folder)/.stdout", "\(folder)/.stderr"].map { path in
      if !path.hasPrefix("/dev/") {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
      }
      return try #require(FileHandle(forWritingAtPath: path))
    }
    process.standardInput =
      try input.map { try #require(FileHandle(forReadingAtPath: $0)) } ?? FileHandle.nullDevice
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    try process.run()
    return Running(process, folder: folder, outputs: handles)
  }

  /// Runs `scion arguments`, words separated by spaces, to its end.
  static func run(_ arguments: String, in folder: String, output: String? = nil) throws -> Outcome {
    try start(arguments.split(separator: " ").map(String.init), in: folder, output: output).wait()
  }
}
