import Testing

/// What a user reads first.
@Suite struct HelpTests {
  @Test("scion --help is this text")
  func helpIsThisText() throws {
    let place = try Workplace()
    let outcome = try place.scion("--help")
    #expect(outcome.code == 0 && outcome.messages.isEmpty)
    #expect(outcome.output == Self.text)
    #expect(try place.scion("").output == Self.text)
  }

  @Test(
    "Every command explains itself within 80 columns on stdout",
    arguments: [
      "train", "plan", "eval", "generate", "merge", "export", "import", "inspect", "template",
      "tokenize", "data", "report",
    ])
  func everyCommandExplainsItself(_ verb: String) throws {
    let outcome = try Workplace().scion("\(verb) --help")
    #expect(outcome.code == 0 && outcome.messages.isEmpty)
    #expect(outcome.output.contains("  scion \(verb) "))
    for line in outcome.output.split(separator: "\n") where !line.hasPrefix("USAGE") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  @Test("The shell completions offer the values of --compute")
  func completionsOfferCompute() throws {
    let outcome = try Workplace().scion("--generate-completion-script bash")
    #expect(outcome.code == 0)
    #expect(outcome.output.contains("auto") && outcome.output.contains("bf16"))
  }

  static let text = """
    OVERVIEW: Fine-tune quantized language models on ordinary CPUs.

    The base model stays in the 4-bit or 8-bit blocks of its GGUF file. Only small
    adapters are trained, from a random start or, with --init lora-one, from the
    directions of the first gradient. The result is an adapter that llama.cpp and
    PEFT load, or one merged, quantized GGUF.

    A first run:
      scion train -m base.gguf --data examples/ -o tuned
      scion eval -m base.gguf --adapter tuned --task exact --data test.jsonl
      scion merge -m base.gguf --adapter tuned -o merged.gguf
      scion generate -m merged.gguf --chat -p "Hello"

    stdout carries results, stderr progress and messages. Exit codes: 0 done, 1
    failed at run time, 2 bad usage or recipe, 3 bad input file, 4 does not fit the
    memory budget, 130 interrupted (ctrl-C or SIGTERM).

    USAGE: scion <subcommand>

    OPTIONS:
      --version               Show the version.
      -h, --help              Show help information.

    SUBCOMMANDS:
      train                   Fine-tune a quantized model: train low-rank adapters
                              on examples.
      plan                    Say what a training run would take in memory and
                              time, without training.
      eval                    Measure likelihood, perplexity or exact answers on
                              held-out data.
      generate                Continue a text, or answer as the assistant of a chat.
      merge                   Write one quantized GGUF with the adapter merged into
                              the base.
      export                  Write an adapter as a llama.cpp GGUF or a Hugging
                              Face PEFT folder.
      import                  Read a PEFT folder or a llama.cpp adapter and write a
                              GGUF adapter.
      inspect                 Show what a GGUF file holds, or which kernels this
                              processor runs.
      template                Show how conversations are written for the model, and
                              which tokens are learned.
      tokenize                Show a text as the model's tokens, or tokens as text.
      data                    Look a data set over before training: format, bad
                              records, lengths, duplicates, leaks.
      report                  Compare runs: losses, time, memory and the settings
                              in which they differ.

      See 'scion help <subcommand>' for detailed help.

    """
}
