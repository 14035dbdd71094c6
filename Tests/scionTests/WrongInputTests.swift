import Foundation
import TestSupport
import Testing

/// Everything a user can get wrong: one lower-case sentence on stderr, nothing on stdout, the contract's exit code, and nothing
/// written.
@Suite struct WrongInputTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let arguments: String
    let code: Int32
    let sentence: String

    init(_ arguments: String, _ code: Int32, _ sentence: String) {
      self.arguments = arguments
      self.code = code
      self.sentence = sentence
    }

    var testDescription: String { arguments }
  }

  static let train = "train -m base.gguf --data data.jsonl -o run"

  static let usage = [
    Case("frobnicate", 2, "unknown command 'frobnicate'; see scion --help"),
    Case(
      "eval -m base.gguf --model base.gguf --task nll --data data.jsonl", 2,
      "--model is given several times and takes one value: give it once"),
    Case(
      "generate -m base.gguf --adapter a --adapter b -p --adapter", 2,
      "--adapter is given several times and takes one value: give it once"),
    Case("serve -m base.gguf", 2, "unknown command 'serve'; see scion --help"),
    Case(
      "train --rnk 4", 2,
      "unknown option '--rnk', did you mean '--rank'; see scion train --help"),
    Case(
      "train --data data.jsonl -o run", 2, "no model given: add -m base.gguf or set SCION_MODEL"),
    Case("train -m base.gguf --data data.jsonl", 2, "no output folder given: add -o FOLDER"),
    Case("\(train) --rank 0", 2, "rank is 0: it must be 1 to 256"),
    Case(
      "\(train) --rank x", 2, "rank is \"x\": it must be a whole number"),
    Case("\(train) --lr -1", 2, "lr is -1: it must be a positive number, or auto"),
    Case(
      "\(train) --epochs 1 --steps 5", 2, "epochs and steps exclude each other: give one of them"),
    Case(
      "\(train) --template foo", 2,
      "template is \"foo\": it must be auto, chatml, llama3, mistral, gemma, phi3, zephyr, alpaca, "
        + "none or a file such as mine.jinja"),
    Case(
      "\(train) --init PiSSA", 2,
      "init PiSSA does not suit a quantized base: it subtracts its start from the base, an offset that "
        + "quantized blocks cannot hold; take lora-one"),
    Case(
      "\(train) --memory lots", 2, "memory is \"lots\": it must be a size like 160M, 2G or 1.5GiB"),
    Case(
      "\(train) --compute f64", 2,
      "the value 'f64' is invalid for '--compute <type>', provide one of 'auto', 'bf16', 'f32' or 'int8'; "
        + "see scion train --help"),
    Case(
      "\(train) --recipe unknown.yaml", 2,
      "unknown.yaml: unknown recipe key \"rnk\": did you mean \"rank\"?"),
    Case(
      "\(train) --recipe size.yaml", 2,
      "size.yaml: memory is \"lots\": it must be a size like 160M, 2G or 1.5GiB"),
    Case(
      "generate -m base.gguf", 2,
      "give the prompt: either -p or --ids; see scion generate --help"),
    Case(
      "generate -m base.gguf -p a --temperature -1", 2,
      "temperature is -1.0, but must be 0 or more"),
    Case(
      "eval -m base.gguf --task nll --data data.jsonl --limit 0", 2,
      "--limit must be at least 1; see scion eval --help"),
    Case("plan --recipe threads.yaml", 2, "threads is 0: it must be 1 to 1024"),
    Case("inspect", 2, "give a GGUF file, or --cpu; see scion inspect --help"),
  ]

  static let files = [
    Case(
      "train -m none.gguf --data data.jsonl -o run", 3,
      "cannot read none.gguf: no such file or directory; give the path of a GGUF file"),
    Case(
      "train -m empty --data data.jsonl -o run", 3,
      "cannot read empty: it is a folder; give the path of a GGUF file"),
    Case(
      "inspect data.jsonl", 3,
      "data.jsonl is not a GGUF file: it begins with '{\"pr' instead of GGUF; give a .gguf model, or "
        + "download the file itself if this is a pointer or a web page"),
    Case(
      "train -m base.gguf --data broken.jsonl -o run", 3,
      "broken.jsonl:2:15: the record ends where a key should be (was it cut off?): correct it, or pass --skip-bad to leave such records out"
    ),
    Case(
      "eval -m base.gguf --task exact --data broken.jsonl", 3,
      "broken.jsonl:2:15: the record ends where a key should be (was it cut off?): correct it, or pass --skip-bad to leave such records out"
    ),
    Case(
      "train -m base.gguf --data blank.jsonl -o run", 3,
      "blank.jsonl holds no records: add some, or delete the file"),
    Case(
      "train -m base.gguf --data empty -o run", 3,
      "empty has no train.jsonl (train.json, .csv, .tsv, .txt or train-N.jsonl also do): add one, or "
        + "name the files themselves"),
    Case(
      "train -m base.gguf --data none.jsonl -o run", 3,
      "cannot read data none.jsonl: no such file or folder; give a file with records"),
    Case(
      "generate -m base.gguf --adapter none -p a", 3,
      "none: no such file or folder; name the folder of a training run or an adapter file"),
    Case(
      "generate -m base.gguf --adapter base.gguf -p a", 3,
      "base.gguf is a model, not a LoRA adapter: name an adapter.gguf"),
    Case(
      "train -m base.gguf --data data.jsonl -o data.jsonl/run", 1,
      "cannot use data.jsonl/run as output folder: the folder cannot be made; choose another"),
    Case(
      "train -m base.gguf --data data.jsonl -o data.jsonl", 2,
      "cannot use data.jsonl as output folder: a file lies there, or the folder cannot be read; "
        + "choose another"),
    Case(
      "train -m base.gguf --data data.jsonl -o mine", 2,
      "mine holds README.md, which no run of Scion wrote: choose a new or an empty folder as output"
    ),
  ]

  @Test(
    "Every mistake is answered by one sentence and the right exit code", arguments: usage + files)
  func answersByOneSentence(_ mistake: Case) throws {
    let place = try place()
    let before = try place.names()
    let outcome = try place.scion(mistake.arguments)
    #expect(outcome.messages == "scion: \(mistake.sentence)\n")
    #expect(outcome.code == mistake.code)
    #expect(outcome.output.isEmpty)
    #expect(try place.names().filter { !$0.hasPrefix(".std") } == before)
    #expect(place.text("mine/README.md") == "my own")
  }

  @Test("Damaged models of every kind are refused with exit code 3")
  func damagedModels() throws {
    let place = try place()
    let whole = Workplace.modelBytes
    var shuffled = whole
    var pieces = [UInt8](whole[24..<4000])
    var generator = SplitMix64(seed: 5)
    pieces.shuffle(using: &generator)
    shuffled.replaceSubrange(24..<4000, with: pieces)
    var pastEnd = whole
    let name = try #require(whole.range(of: Data("blk.1.ffn_up.weight".utf8)))
    // Behind the name: dimension count, two dimensions, type; then the offset.
    let offset = name.upperBound + 4 + 16 + 4
    pastEnd.replaceSubrange(offset..<offset + 8, with: [0, 0, 0, 0, 0, 1, 0, 0])
    let files: [(Data, String)] = [
      (whole.prefix(whole.count / 2), "is truncated"), (whole.prefix(100), "damaged"),
      (Data(), "it is empty"), (whole + Data("garbage".utf8), "foreign bytes follow"),
      (shuffled, "bad.gguf"), (pastEnd, "needs bytes"),
    ]
    for (bytes, words) in files {
      try place.write("bad.gguf", bytes)
      for command in ["inspect bad.gguf", "train -m bad.gguf --data data.jsonl -o run"] {
        let outcome = try place.scion(command)
        #expect(outcome.code == 3, "\(words): \(outcome.messages)")
        #expect(outcome.messages.hasPrefix("scion: ") && outcome.messages.contains(words))
        #expect(outcome.messages.filter { $0 == "\n" }.count == 1)
        #expect(outcome.output.isEmpty)
      }
    }
    #expect(!place.exists("run"))
  }

  @Test(
    "An adapter is no model, fits only its base, and neither it nor the base is ever the output")
  func adaptersAndBasesAreKeptApart() throws {
    let place = try place()
    #expect(try place.scion("\(TrainingTests.train) --steps 0 --quiet").code == 0)
    func check(_ arguments: String, _ code: Int32, _ sentence: String) throws {
      let outcome = try place.scion(arguments)
      #expect(outcome.messages == "scion: \(sentence)\n")
      #expect(outcome.code == code)
    }
    try check(
      "generate -m run/adapter.gguf -p a", 3,
      "run/adapter.gguf: this is an adapter, not a model: give its base with -m and the adapter "
        + "with --adapter")
    try place.write("wide.gguf", Data(Workplace.model(width: 64).bytes()))
    try check(
      "merge -m wide.gguf --adapter run -o m.gguf", 3,
      "run/adapter.gguf: blk.0.attn_k.weight.lora_a is [8, 32] where [rank, 64] is needed: use the "
        + "base the adapter was trained on")
    try check(
      "merge -m base.gguf --adapter run -o ./base.gguf --overwrite", 2,
      "./base.gguf is read and written: choose another output")
    try check(
      "export -m base.gguf --adapter run --to gguf -o run/adapter.gguf --overwrite", 2,
      "run/adapter.gguf is read and written: choose another output")
    try check(
      "\(TrainingTests.train) --steps 0", 2,
      "run already holds a finished run: choose another output, or pass --overwrite to replace it")
    #expect(place.bytes("base.gguf") == Workplace.modelBytes)
    #expect(!place.exists("m.gguf"))
  }

  @Test("A budget that is too small names the smallest that works, and that one works")
  func budgetNamesTheSmallest() throws {
    let place = try place()
    let outcome = try place.scion("\(TrainingTests.train) --steps 1 --memory 2M")
    #expect(outcome.code == 4)
    let words = outcome.messages.split(separator: " ").map(String.init)
    let position = try #require(words.firstIndex(of: "least"))
    let least = words[position + 1]
    #expect(
      outcome.messages
        == "scion: this run needs at least \(least) of memory and --memory allows 2M: raise it to "
        + "\(least), or lower --seq-len or --rank\n")
    #expect(!place.exists("run"))
    let less = try #require(Int(least.dropLast())) - 1
    #expect(try place.scion("\(TrainingTests.train) --steps 1 --memory \(less)M").code == 4)
    #expect(try place.scion("\(TrainingTests.train) --steps 1 --memory \(least)").code == 0)
  }

  @Test("A full stdout is an error in one sentence, not a crash")
  func fullOutput() throws {
    let place = try place()
    let outcome = try ScionProgram.run("inspect base.gguf", in: place.path, output: "/dev/full")
    #expect(outcome.code == 1)
    #expect(
      outcome.messages
        == "scion: cannot write to stdout: no space left on device; free some space or choose another "
        + "target\n")
  }

  private func place() throws -> Workplace {
    let place = try Workplace()
    for folder in ["empty", "mine"] {
      try FileManager.default.createDirectory(
        atPath: "\(place.path)/\(folder)", withIntermediateDirectories: false)
    }
    try place.write("mine/README.md", "my own")
    try place.write("broken.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\",\n")
    try place.write("blank.jsonl", "\n\n")
    try place.write("unknown.yaml", "rnk: 4\n")
    try place.write("size.yaml", "memory: lots\n")
    try place.write("threads.yaml", "model: base.gguf\ndata: data.jsonl\nthreads: 0\n")
    return place
  }

  @Test("A later value of an option overrides an earlier one, and that is said")
  func laterValues() throws {
    let plan = try Workplace().scion(
      "plan -m base.gguf --data data.jsonl --rank 4 --rank=2 --rank 3")
    #expect(
      plan.code == 0 && plan.messages.contains("--rank is given several times: the last is used"))
  }

  @Test("No room to unpack data is no fault of the data: the remedy is another TMPDIR")
  func noRoomForUnpackedData() throws {
    let place = try Workplace()
    // One record, by gzip.
    let packed = try #require(
      Data(base64Encoded: "H4sIAAAAAAACA6tWKijKzy0oUbJSSlTSUUoGsnNSSzLz84ACSUq1XADHQ11TIAAAAA=="))
    try place.write("data.gz", packed)
    let arguments = "train -m base.gguf --data data.gz -o run --steps 1 --val-split 0"
    let refused = try ScionProgram.start(
      arguments.split(separator: " ").map(String.init), in: place.path, temporary: "/nowhere"
    ).wait()
    #expect(refused.code == 1 && !place.exists("run"))
    #expect(
      refused.messages
        == "scion: cannot keep temporary data in /nowhere: no such file or directory; free space there or set TMPDIR to a folder that has some\n"
    )
    let outcome = try place.scion(arguments)
    #expect(outcome.code == 0, "\(outcome.code): \(outcome.messages)")
  }
}
