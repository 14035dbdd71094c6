/// Finding, cutting and replacing, all in bytes between scalars; provenance stays with each
/// character.
extension JinjaString {
  /// The range of bytes that Python's `[start:end]` takes, indices in scalars, negative ones from
  /// the end.
  func range(from start: Int?, to end: Int?) -> Range<Int>? {
    func clamped(_ index: Int) -> Int { index < 0 ? max(0, count &+ index) : min(index, count) }
    if let start, start > count { return nil }
    let low = clamped(start ?? 0)
    let high = clamped(end ?? count)
    guard low <= high else { return nil }
    return offset(ofScalar: low)..<offset(ofScalar: high)
  }

  private func matches(_ needle: [UInt8], at offset: Int) -> Bool {
    var index = 0
    while index < needle.count {
      if bytes[offset + index] != needle[index] { return false }
      index += 1
    }
    return true
  }

  /// The first place of a text in a range of bytes.
  func firstOffset(
    of needle: JinjaString, in range: Range<Int>, _ meter: JinjaMeter
  ) throws(JinjaError) -> Int? {
    let pattern = needle.bytes
    guard let first = pattern.first else { return range.lowerBound }
    var offset = range.lowerBound
    let last = range.upperBound - pattern.count
    var work = 0
    while offset <= last {
      if bytes[offset] == first {
        if matches(pattern, at: offset) {
          try meter.spend(bytes: work + offset - range.lowerBound)
          return offset
        }
        work += pattern.count
        if work > 1 << 16 {
          try meter.spend(bytes: work)
          work = 0
        }
      }
      offset += 1
    }
    try meter.spend(bytes: work + range.count)
    return nil
  }

  /// The last place of a text in a range of bytes.
  func lastOffset(
    of needle: JinjaString, in range: Range<Int>, _ meter: JinjaMeter
  ) throws(JinjaError) -> Int? {
    let pattern = needle.bytes
    guard let first = pattern.first else { return range.upperBound }
    var offset = range.upperBound - pattern.count
    var work = 0
    while offset >= range.lowerBound {
      if bytes[offset] == first {
        if matches(pattern, at: offset) { return offset }
        work += pattern.count
        if work > 1 << 16 {
          try meter.spend(bytes: work)
          work = 0
        }
      }
      offset -= 1
    }
    try meter.spend(bytes: work + range.count)
    return nil
  }

  func contains(_ needle: JinjaString, _ meter: JinjaMeter) throws(JinjaError) -> Bool {
    try firstOffset(of: needle, in: 0..<bytes.count, meter) != nil
  }

  func hasPrefix(_ prefix: JinjaString, in range: Range<Int>) -> Bool {
    prefix.bytes.count <= range.count && matches(prefix.bytes, at: range.lowerBound)
  }

  func hasSuffix(_ suffix: JinjaString, in range: Range<Int>) -> Bool {
    suffix.bytes.count <= range.count
      && matches(suffix.bytes, at: range.upperBound - suffix.bytes.count)
  }

  /// How often a text occurs in a range without overlap.
  func occurrences(
    of needle: JinjaString, in range: Range<Int>, _ meter: JinjaMeter
  ) throws(JinjaError) -> Int {
    if needle.isEmpty { return scalars(in: range) + 1 }
    var found = 0
    var start = range.lowerBound
    while let place = try firstOffset(of: needle, in: start..<range.upperBound, meter) {
      found += 1
      start = place + needle.bytes.count
    }
    return found
  }

  /// Without white space, or the given characters, at its ends.
  func stripped(
    _ characters: JinjaString?, left: Bool = true, right: Bool = true, _ meter: JinjaMeter
  ) -> JinjaString {
    var unwanted: Set<Unicode.Scalar> = []
    characters?.forEachScalar { scalar, _ in unwanted.insert(scalar) }
    func isUnwanted(_ scalar: Unicode.Scalar) -> Bool {
      characters == nil ? JinjaText.isSpace(scalar) : unwanted.contains(scalar)
    }
    var start = 0
    var end = bytes.count
    while left, start < end {
      var next = start
      guard isUnwanted(scalar(at: &next)) else { break }
      start = next
    }
    while right, end > start {
      var next = end
      guard isUnwanted(scalar(before: &next)) else { break }
      end = next
    }
    meter.note(bytes: bytes.count - (end - start))
    return part(start..<end, meter: meter)
  }

  // MARK: - Splitting

  /// Parts between separators; from the right, and at most `limit` cuts where that is not negative.
  func split(
    by separator: JinjaString, limit: Int, fromRight: Bool, _ meter: JinjaMeter
  ) throws(JinjaError) -> [JinjaString] {
    var parts: [JinjaString] = []
    var (start, end) = (0, bytes.count)
    while limit < 0 || parts.count < limit {
      let range = start..<end
      let found =
        fromRight
        ? try lastOffset(of: separator, in: range, meter)
        : try firstOffset(of: separator, in: range, meter)
      guard let found else { break }
      if fromRight {
        parts.append(part(found + separator.bytes.count..<end, meter: meter))
        end = found
      } else {
        parts.append(part(start..<found, meter: meter))
        start = found + separator.bytes.count
      }
      try meter.step()
    }
    parts.append(part(start..<end, meter: meter))
    return fromRight ? parts.reversed() : parts
  }

  /// Words between white space; what is left after `limit` cuts keeps the white space at its far
  /// end.
  func words(limit: Int, fromRight: Bool, _ meter: JinjaMeter) throws(JinjaError) -> [JinjaString] {
    try meter.spend(bytes: bytes.count)
    if fromRight { return try wordsFromRight(limit: limit, meter) }
    var parts: [JinjaString] = []
    var offset = 0
    var start: Int?
    while offset < bytes.count {
      let place = offset
      let isSpace = JinjaText.isSpace(scalar(at: &offset))
      if isSpace, let first = start {
        parts.append(part(first..<place, meter: meter))
        try meter.step()
        start = nil
      } else if !isSpace, start == nil {
        if limit >= 0, parts.count == limit {
          parts.append(part(place..<bytes.count, meter: meter))
          return parts
        }
        start = place
      }
    }
    if let start { parts.append(part(start..<bytes.count, meter: meter)) }
    return parts
  }

  private func wordsFromRight(limit: Int, _ meter: JinjaMeter) throws(JinjaError) -> [JinjaString] {
    var parts: [JinjaString] = []
    var offset = bytes.count
    var end: Int?
    while offset > 0 {
      let place = offset
      let isSpace = JinjaText.isSpace(scalar(before: &offset))
      if isSpace, let last = end {
        parts.append(part(place..<last, meter: meter))
        try meter.step()
        end = nil
      } else if !isSpace, end == nil {
        if limit >= 0, parts.count == limit {
          parts.append(part(0..<place, meter: meter))
          return parts.reversed()
        }
        end = place
      }
    }
    if let end { parts.append(part(0..<end, meter: meter)) }
    return parts.reversed()
  }

  func lines(keepEnds: Bool, _ meter: JinjaMeter) throws(JinjaError) -> [JinjaString] {
    try meter.spend(bytes: bytes.count)
    var parts: [JinjaString] = []
    var (start, offset) = (0, 0)
    while offset < bytes.count {
      let end = offset
      let scalar = scalar(at: &offset)
      guard JinjaText.isLineEnd(scalar) else { continue }
      if scalar == "\r", offset < bytes.count, bytes[offset] == 0x0A { offset += 1 }
      parts.append(part(start..<(keepEnds ? offset : end), meter: meter))
      try meter.step()
      start = offset
    }
    if start < bytes.count { parts.append(part(start..<bytes.count, meter: meter)) }
    return parts
  }

  // MARK: - Replacing

  /// With a text replaced, at most `limit` times where that is not negative.
  func replacing(
    _ old: JinjaString, with new: JinjaString, limit: Int, _ meter: JinjaMeter
  ) throws(JinjaError) -> JinjaString {
    var result = JinjaStringBuilder(meter: meter)
    var (start, done) = (0, 0)
    if old.isEmpty {
      while limit < 0 || done < limit {
        try result.append(new)
        done += 1
        if start == bytes.count { break }
        var next = start
        _ = scalar(at: &next)
        try result.append(self, start..<next)
        start = next
      }
    } else {
      while limit < 0 || done < limit,
        let found = try firstOffset(of: old, in: start..<bytes.count, meter)
      {
        try result.append(self, start..<found)
        try result.append(new)
        try meter.step()
        start = found + old.bytes.count
        done += 1
      }
      if done == 0 { return self }
    }
    try result.append(self, start..<bytes.count)
    return result.finish(isMarkup: isMarkup)
  }
}
