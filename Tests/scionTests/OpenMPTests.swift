import Foundation
import Testing

/// What LLVM's OpenMP library does to a process at its beginning and its end, and what of it must not be seen.
@Suite struct OpenMPTests {
  private static let shared = "/dev/shm"
  static let hasSharedMemory = FileManager.default.fileExists(atPath: shared)

  /// `script` in a shell in which `$0` is the program.
  private func shell(_ script: String, in place: Workplace) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script, ScionProgram.path]
    process.currentDirectoryURL = URL(fileURLWithPath: place.path)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func note(of process: Int32) -> String {
    "\(Self.shared)/__KMP_REGISTERED_LIB_\(process)_\(getuid())"
  }

  @Test("A killed run leaves nothing in shared memory", .enabled(if: hasSharedMemory))
  func killedRun() throws {
    let place = try Workplace()
    let run = try ScionProgram.start(
      "\(TrainingTests.train) --steps 1000000 --val-split 0 --threads 2".split(separator: " ")
        .map(String.init), in: place.path)
    try run.wait { run.messages.contains("step 2/") }
    kill(run.process.processIdentifier, SIGKILL)
    #expect(run.wait().code == 128 + SIGKILL)
    #expect(!FileManager.default.fileExists(atPath: note(of: run.process.processIdentifier)))
  }

  @Test(
    "What a killed process of the same number left does no harm and is gone",
    .enabled(if: hasSharedMemory))
  func staleNote() throws {
    let place = try Workplace()
    let process = try shell(
      "touch \(Self.shared)/__KMP_REGISTERED_LIB_$$_$(id -u); "
        + "exec \"$0\" \(TrainingTests.train) --steps 2 --val-split 0 --threads 2 --quiet",
      in: place)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    #expect(!FileManager.default.fileExists(atPath: note(of: process.processIdentifier)))
  }

  @Test("A run that ends while its threads are still coming ends well")
  func shortRuns() throws {
    let place = try Workplace()
    // Many threads for few processors, several runs at once: some threads come late.
    for _ in 0..<5 {
      let runs = try (0..<4).map { _ in
        try shell(
          "OMP_NUM_THREADS=24 exec \"$0\" generate -m base.gguf -p a --max-tokens 1 --quiet",
          in: place)
      }
      for run in runs {
        run.waitUntilExit()
        #expect(run.terminationReason == .exit && run.terminationStatus == 0)
      }
    }
  }
}
