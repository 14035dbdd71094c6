import ArgumentParser
import Foundation
import ModelFiles
import Tokenization

/// `scion tokenize`: a text as the model's tokens, and tokens as text.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show a text as the model's tokens, or tokens as text.",
    discussion: """
      One token a line: its number and what it stands for. The text is -p, a file, or stdin, taken byte for byte; it \
      must be UTF-8. Begin- and end-of-text are added where the model wants them. Control tokens written in the text, \
      such as <|im_end|>, are those tokens; with --no-parse-special they are letters, as in the contents of a chat.

      --decode goes the other way: it reads numbers, with spaces, commas, brackets or newlines between, and writes \
      exactly the bytes of these tokens. --lines takes many texts in one run: each line of the input is a JSON string, \
      each line of the output its numbers (or, with --decode, the other way round). Only the vocabulary of the \
      model is read: a file without weights does.

        scion tokenize -m base.gguf -p "Hello, world"
        scion tokenize -m base.gguf -f chapter.txt --count
        scion tokenize -m base.gguf --ids < chapter.txt > ids.txt
        scion tokenize -m base.gguf --decode -f ids.txt
      """)

  @Option(
    name: [.customShort("m"), .long],
    help: ArgumentHelp("The model, a GGUF file (default: $SCION_MODEL).", valueName: "file"),
    completion: .file())
  var model: String?

  @Option(
    name: [.customShort("p"), .long], parsing: .unconditional,
    help: ArgumentHelp("The text, or the numbers for --decode.", valueName: "text"))
  var prompt: String?

  @Option(
    name: [.customShort("f"), .long],
    help: ArgumentHelp("Read them from a file (default: stdin).", valueName: "file"),
    completion: .file())
  var file: String?

  @Flag(help: "Print the numbers only, on one line, spaces between.")
  var ids = false

  @Flag(help: "Print how many tokens there are.")
  var count = false

  @Flag(help: "Numbers in, text out.")
  var decode = false

  @Flag(help: "A JSON string a line: many texts in one run.")
  var lines = false

  @Flag(help: "Add neither begin- nor end-of-text.")
  var noBos = false

  @Flag(help: "Control tokens written in the text are letters.")
  var noParseSpecial = false

  func validate() throws {
    if prompt != nil && file != nil { throw ValidationError("give either -p or -f") }
    if ids && count { throw ValidationError("give either --ids or --count") }
    if decode && (ids || count || noBos || noParseSpecial) {
      throw ValidationError("--decode writes text: only --lines goes with it")
    }
  }

  func run() throws {
    let path = model ?? ProcessInfo.processInfo.environment["SCION_MODEL"] ?? ""
    guard !path.isEmpty else {
      throw UsageError("no model given: add -m base.gguf or set SCION_MODEL")
    }
    let metadata = try GGUFFile(path: path).metadata
    let input = try TokenizeInput(prompt: prompt, file: file)
    var output = TokenizeOutput()
    if decode {
      try write(input, as: TokenDecoder(metadata), to: &output)
    } else {
      try write(input, as: Tokenizer(metadata), to: &output)
    }
    try output.flush()
  }

  private func write(
    _ input: TokenizeInput, as tokenizer: Tokenizer, to output: inout TokenizeOutput
  ) throws {
    if !lines {
      let found = try tokens(try input.text(), tokenizer)
      if count {
        try output.write("\(found.count)\n")
      } else if ids {
        try output.write(found)
      } else {
        for id in found { try output.write(id, standingFor: tokenizer.decoder.bytes(of: id)) }
      }
      return
    }
    for line in try input.lines() {
      let found = try tokens(try input.string(line), tokenizer)
      if count { try output.write("\(found.count)\n") } else { try output.write(found) }
    }
  }

  /// The tokens of a text, as llama.cpp has them: begin-of-text comes first even if the text has
  /// it.
  private func tokens(
    _ text: String, _ tokenizer: Tokenizer
  ) throws(TokenizationError) -> [Int32] {
    try tokenizer.checkLength(text.utf8.count)
    let body = tokenizer.encode(text, addBeginning: false, parseSpecial: !noParseSpecial)
    guard !noBos else { return body }
    let first = tokenizer.addsBeginning ? tokenizer.beginning : nil
    if let first, first == body.first {
      StandardStreams.message(
        "scion: note: the text begins with begin-of-text, which comes twice now: add --no-bos\n")
    }
    let last = tokenizer.addsEnd ? tokenizer.end : nil
    return [first].compactMap(\.self) + body + [last].compactMap(\.self)
  }

  private func write(
    _ input: TokenizeInput, as decoder: TokenDecoder, to output: inout TokenizeOutput
  ) throws {
    let size = decoder.vocabularySize
    if !lines {
      for id in try input.ids(input.text()[...], below: size) {
        try output.write(decoder.bytes(of: id))
      }
      return
    }
    for line in try input.lines() {
      let bytes = try input.ids(line.text, below: size).flatMap { decoder.bytes(of: $0) }
      try output.write(json: input.text(of: bytes, line: line.number))
    }
  }
}
