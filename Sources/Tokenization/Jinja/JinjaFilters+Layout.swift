/// Filters that lay text out in lines.
extension JinjaFilters {
  /// Python's `pformat` where the value fits in a line; longer values are laid out by rules that
  /// are not here.
  static let prettyPrint: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    _ = try arguments.checked(0...0, render.meter)
    let text = try sorted(value, render).represented(render.meter)
    guard text.count <= 80 || !hasParts(value) else {
      throw render.meter.fail("pprint of a value longer than a line is not supported")
    }
    return .text(text)
  }

  private static func hasParts(_ value: JinjaValue) -> Bool {
    switch value {
    case .sequence, .tuple, .mapping, .text, .object: true
    default: false
    }
  }

  /// With the keys of dictionaries in order, as `pformat` writes them.
  private static func sorted(
    _ value: JinjaValue, _ render: JinjaRender
  ) throws(JinjaError) -> JinjaValue {
    try render.meter.step()
    try render.meter.enter()
    defer { render.meter.leave() }
    switch value {
    case .sequence(let list):
      var items: [JinjaValue] = []
      for item in list.items { items.append(try sorted(item, render)) }
      return try render.list(items)
    case .tuple(let list):
      var items: [JinjaValue] = []
      for item in list.items { items.append(try sorted(item, render)) }
      return try render.tuple(items)
    case .mapping(let dictionary):
      let places = try JinjaValue.sorted(
        dictionary.keys.indices.map(JinjaValue.integer), keys: dictionary.keys, descending: false,
        render.meter
      ).compactMap(\.asInteger)
      var entries: [(JinjaValue, JinjaValue)] = []
      for place in places {
        entries.append((dictionary.keys[place], try sorted(dictionary.values[place], render)))
      }
      return try render.dictionary(entries)
    default: return value
    }
  }

  static let wrap: JinjaFilter = { (render, value, arguments) throws(JinjaError) in
    let meter = render.meter
    let values = try arguments.bound(
      ["width", "break_long_words", "wrapstring", "break_on_hyphens"], meter)
    let width = try render.integer(values[0], default: 79)
    let separator = (values[2] ?? .none).isNone ? JinjaString("\n") : try render.string(values[2])
    if case .missing(let undefined) = value { throw meter.fail(undefined.reason) }
    let text = try render.string(value)
    guard width > 0 else { throw meter.fail("wordwrap needs a width above 0") }
    let wrapper = JinjaWrapper(
      width: width, breaksLongWords: values[1]?.isTrue ?? true,
      breaksOnHyphens: values[3]?.isTrue ?? true, meter: meter)
    var result = JinjaStringBuilder(meter: meter)
    for (index, paragraph) in try text.lines(keepEnds: false, meter).enumerated() {
      if index > 0 { try result.append(separator) }
      for (index, line) in try wrapper.lines(of: paragraph).enumerated() {
        if index > 0 { try result.append(separator) }
        try result.append(line)
      }
    }
    return .text(result.finish())
  }
}

/// Lines of a width, as Python's `textwrap` breaks a paragraph without expanding tabs.
struct JinjaWrapper {
  let width: Int
  let breaksLongWords: Bool
  let breaksOnHyphens: Bool
  let meter: JinjaMeter

  private typealias Scalars = [(scalar: Unicode.Scalar, offset: Int)]

  func lines(of text: JinjaString) throws(JinjaError) -> [JinjaString] {
    try meter.expect(bytes: text.count * 24)
    try meter.spend(bytes: text.bytes.count * 64)
    var scalars: Scalars = []
    text.forEachScalar { scalars.append((scalar: $0, offset: $1)) }
    var chunks: [Range<Int>] = try chunks(scalars).reversed()
    var lines: [JinjaString] = []
    func isBlank(_ chunk: Range<Int>) -> Bool {
      chunk.allSatisfy { JinjaText.isSpace(scalars[$0].scalar) }
    }
    while !chunks.isEmpty {
      try meter.step()
      var line: [Range<Int>] = []
      var length = 0
      if let last = chunks.last, isBlank(last), !lines.isEmpty { chunks.removeLast() }
      while let chunk = chunks.last, length + chunk.count <= width {
        line.append(chunk)
        length += chunk.count
        chunks.removeLast()
      }
      if let chunk = chunks.last, chunk.count > width {
        if breaksLongWords {
          let space = width - length
          let cut = chunk.lowerBound + cutOfLongWord(chunk, space, scalars)
          line.append(chunk.lowerBound..<cut)
          chunks[chunks.count - 1] = cut..<chunk.upperBound
        } else if line.isEmpty {
          line.append(chunk)
          chunks.removeLast()
        }
      }
      if let last = line.last, isBlank(last) { line.removeLast() }
      guard let first = line.first, let last = line.last else { continue }
      let end = last.upperBound < scalars.count ? scalars[last.upperBound].offset : text.bytes.count
      lines.append(text.part(scalars[first.lowerBound].offset..<end, meter: meter))
    }
    return lines
  }

  /// Where a word longer than a line is cut: after a hyphen where one fits.
  private func cutOfLongWord(_ chunk: Range<Int>, _ space: Int, _ scalars: Scalars) -> Int {
    let space = max(space, width < 1 ? 1 : space)
    guard breaksOnHyphens, chunk.count > space else { return space }
    let start = chunk.lowerBound
    guard let hyphen = (0..<space).last(where: { scalars[start + $0].scalar == "-" }), hyphen > 0,
      (0..<hyphen).contains(where: { scalars[start + $0].scalar != "-" })
    else { return space }
    return hyphen + 1
  }

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || (scalar.value >= 9 && scalar.value <= 13)
  }

  /// Words and the white space between them; words also end after a hyphen between letters, and
  /// around dashes.
  private func chunks(_ scalars: Scalars) throws(JinjaError) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var start = 0
    func at(_ index: Int) -> Unicode.Scalar? {
      index >= 0 && index < scalars.count ? scalars[index].scalar : nil
    }
    func isWordPunctuation(_ index: Int) -> Bool {
      at(index).map { JinjaText.isWord($0) || "!\"'&.,?".unicodeScalars.contains($0) } ?? false
    }
    func isLetter(_ index: Int) -> Bool {
      at(index).map { JinjaText.isWord($0) && $0.properties.numericType != .decimal } ?? false
    }
    func isSpace(_ index: Int) -> Bool { at(index).map(Self.isSpace) ?? false }
    /// The end of two or more hyphens at an index before a word's character.
    func dash(_ index: Int) -> Int? {
      var end = index
      while at(end) == "-" { end += 1 }
      guard end - index >= 2, at(end).map(JinjaText.isWord) ?? false else { return nil }
      return end
    }
    while start < scalars.count {
      var end = start
      if isSpace(start) {
        while isSpace(end) { end += 1 }
      } else if !breaksOnHyphens {
        while end < scalars.count, !isSpace(end) { end += 1 }
      } else if isWordPunctuation(start - 1), let stop = dash(start) {
        end = stop
      } else {
        end = start + 1
        while end < scalars.count {
          // A hyphen after two letters (or a letter, a hyphen and a letter), before a letter that
          // another follows.
          if at(end) == "-",
            (isLetter(end - 1) && isLetter(end - 2))
              || (isLetter(end - 1) && at(end - 2) == "-" && isLetter(end - 3)),
            isLetter(end + 1), isLetter(end + 2) || (at(end + 2) == "-" && isLetter(end + 3))
          {
            end += 1
            break
          }
          if isSpace(end) || (isWordPunctuation(end - 1) && dash(end) != nil) { break }
          end += 1
        }
      }
      chunks.append(start..<end)
      start = end
    }
    return chunks
  }
}
