/// The classes of characters that a list of sets tells apart: characters of one class are in the
/// same sets.
///
/// A table of two stages over all scalars: pages of 128 classes, each page kept once. A set becomes
/// a mask with a bit for each class, and whether a character is in it is one shift.
struct ScalarClasses: Sendable {
  /// A set of characters: bit c for class c.
  typealias Mask = UInt64

  /// The page of each 128 scalars, times 128.
  private let pages: [UInt16]
  private let classes: [UInt8]
  private let masks: [ScalarSet: Mask]

  private static let pageBits: UInt32 = 7

  /// - Parameter sets: at most 64 that differ, which tell at most 64 classes apart.
  init(_ sets: [ScalarSet]) {
    let sets = Array(Set(sets))
    precondition(sets.count <= 64)
    // Where membership changes, and in which sets.
    var changes: [(scalar: UInt32, sets: UInt64)] = []
    for (index, set) in sets.enumerated() {
      for range in set.ranges {
        changes.append((range.lowerBound, 1 << UInt64(index)))
        changes.append((range.upperBound + 1, 1 << UInt64(index)))
      }
    }
    changes.sort { $0.scalar < $1.scalar }

    // Stretches of one class, by their first scalar.
    var classOfMembership: [UInt64: UInt8] = [:]
    var memberships: [UInt64] = []
    var stretches: [(start: UInt32, number: UInt8)] = []
    var membership: UInt64 = 0
    for index in -1..<changes.count {
      if index >= 0 { membership ^= changes[index].sets }
      let start = index < 0 ? 0 : changes[index].scalar
      if index + 1 < changes.count, changes[index + 1].scalar == start { continue }
      let number = classOfMembership[membership] ?? UInt8(memberships.count)
      if Int(number) == memberships.count {
        classOfMembership[membership] = number
        memberships.append(membership)
      }
      stretches.append((start, number))
    }
    precondition(memberships.count <= 64)

    let pageSize = UInt32(1) << Self.pageBits
    var placeOfPage: [[UInt8]: UInt16] = [:]
    var pages: [UInt16] = []
    var classes: [UInt8] = []
    var stretch = 0
    for start in stride(from: 0, to: UInt32(0x110000), by: Int(pageSize)) {
      func ends(_ stretch: Int) -> UInt32 {
        stretch + 1 < stretches.count ? stretches[stretch + 1].start : .max
      }
      while ends(stretch) <= start { stretch += 1 }
      // One class all over: a page is known by it alone.
      var page = [stretches[stretch].number]
      if ends(stretch) < start + pageSize {
        page.removeAll(keepingCapacity: true)
        var within = stretch
        for scalar in start..<(start + pageSize) {
          while ends(within) <= scalar { within += 1 }
          page.append(stretches[within].number)
        }
      }
      let place = placeOfPage[page] ?? UInt16(classes.count)
      if Int(place) == classes.count {
        placeOfPage[page] = place
        classes += page.count == 1 ? Array(repeating: page[0], count: Int(pageSize)) : page
      }
      pages.append(place)
    }
    self.pages = pages
    self.classes = classes

    var masks: [ScalarSet: Mask] = [:]
    for (index, set) in sets.enumerated() {
      var mask: Mask = 0
      for (number, membership) in memberships.enumerated()
      where membership >> UInt64(index) & 1 == 1 { mask |= 1 << Mask(number) }
      masks[set] = mask
    }
    self.masks = masks
  }

  /// The classes of a set that `init` was given.
  func mask(_ set: ScalarSet) -> Mask {
    guard let mask = masks[set] else { preconditionFailure("a set that is not of this table") }
    return mask
  }

  /// The class of the character that begins at `position`, and its bytes.
  ///
  /// - Parameter text: valid UTF-8.
  @inline(__always)
  func classify(_ text: Span<UInt8>, _ position: Int) -> (number: UInt8, count: Int) {
    let lead = text[position]
    if lead < 0x80 { return (classes[Int(lead)], 1) }
    var scalar: UInt32
    let count: Int
    if lead < 0xe0 {
      scalar = UInt32(lead & 0x1f)
      count = 2
    } else if lead < 0xf0 {
      scalar = UInt32(lead & 0x0f)
      count = 3
    } else {
      scalar = UInt32(lead & 0x07)
      count = 4
    }
    for offset in 1..<count { scalar = scalar << 6 | UInt32(text[position + offset] & 0x3f) }
    let page = pages[Int(scalar >> Self.pageBits)]
    return (classes[Int(page) + Int(scalar & 0x7f)], count)
  }
}
