/// The variables of one call of a function: the template, a macro, a recursive loop, a loop's test.
final class JinjaFrame: @unchecked Sendable {
  /// Nil: not set, which reads as undefined.
  var slots: [JinjaValue?]
  /// The frame that the function was defined in.
  let parent: JinjaFrame?
  /// The rendering clears it at its end, because a macro in it holds it.
  var isKept = false

  init(size: Int, parent: JinjaFrame?) {
    slots = Array(repeating: nil, count: size)
    self.parent = parent
  }

  subscript(slot: JinjaSlot) -> JinjaValue? {
    get {
      if slot.hops == 0 { return slots[slot.index] }
      return frame(slot.hops).slots[slot.index]
    }
    set {
      if slot.hops == 0 {
        slots[slot.index] = newValue
      } else {
        frame(slot.hops).slots[slot.index] = newValue
      }
    }
  }

  private func frame(_ hops: Int) -> JinjaFrame {
    var frame = self
    for _ in 0..<hops { frame = frame.parent ?? frame }
    return frame
  }
}
