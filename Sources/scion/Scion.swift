import ArgumentParser

/// The command line of Scion: one verb a file.
@main
struct Scion: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scion",
    abstract: "Fine-tune quantized language models on ordinary CPUs."
  )
}
