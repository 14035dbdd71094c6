import ArgumentParser
import Foundation
import ModelFiles
import Tensors

/// `scion inspect`: what is in a model or adapter file, or what this processor can do.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a GGUF file holds, or which kernels this processor runs.",
    discussion: """
      The file is checked as a whole: a truncated or damaged one is an error (exit code 3).

        scion inspect base.gguf
        scion inspect --cpu
      """)

  @Argument(help: ArgumentHelp("A GGUF file.", valueName: "file"), completion: .file())
  var file: String?

  @Flag(help: "Show the processor's kernel tiers.")
  var cpu = false

  @Flag(help: "List every tensor.")
  var tensors = false

  func validate() throws {
    if file == nil && !cpu { throw ValidationError("give a GGUF file, or --cpu") }
  }

  func run() throws {
    if cpu {
      for tier in Processor.InstructionSet.allCases where tier.isAvailable {
        try StandardStreams.result(
          tier == Processor.instructionSet ? "* \(tier.name)\n" : "  \(tier.name)\n")
      }
      let share = ProcessorShare.current
      let quota = share.quota.map { ", a quota of \(($0 * 100).rounded() / 100)" } ?? ""
      try StandardStreams.result(
        "  \(Processor.threads == 1 ? "1 thread" : "\(Processor.threads) threads"); \(share.processors.count) processors, "
          + "\(share.coreCount) cores\(quota)\n")
    }
    guard let file else { return }
    let summary = GGUFSummary(try GGUFFile(path: file))
    try StandardStreams.result(InspectText.render(summary, listingTensors: tensors) + "\n")
  }
}
