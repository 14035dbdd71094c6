/// What a template writes of the first items of a list, found while it writes of all of them.
///
/// A template that goes through the list has done, when it asks for item k, what it would have done with the first k items
/// alone, if nothing that it looked at until then told the two apart. There its remaining statements are run once as if the
/// list had ended, and everything that they changed is put back. A template that looks ahead (the list's length, its last
/// item, `loop.last`) gives no prefixes: they must be rendered by themselves.
///
/// It belongs to one rendering on one thread.
final class JinjaPrefixes {
  /// A prefix's text: what is written of all items begins with the same bytes, and then comes what the template writes at
  /// the end. Without an end, the template refuses the prefix.
  struct Found {
    var byteCount: Int
    var end: [JinjaPiece]?
  }

  /// How many items.
  private let wanted: Set<Int>
  private(set) var found: [Int: Found] = [:]
  /// Prefixes of so many items, and shorter ones, differ from the whole in what the template has seen.
  private var differing = -1
  /// The items that the list shows; nil: all.
  private var shown: Int?

  init(wanted: Set<Int>) { self.wanted = wanted }

  // MARK: - What the list tells

  /// All items, which tells every prefix from the whole.
  func all(of items: [JinjaValue]) -> [JinjaValue] {
    if let shown { return Array(items.prefix(shown)) }
    differing = items.count
    return items
  }

  /// The item at an index from 0 on: only a prefix without it differs.
  func item(_ index: Int, of items: [JinjaValue]) -> JinjaValue? {
    guard index < shown ?? items.count else { return nil }
    if shown == nil { differing = max(differing, index) }
    return items[index]
  }

  // MARK: - Forks

  func isOpen(_ count: Int) -> Bool { shown == nil && count > differing && wanted.contains(count) }

  /// What `body` writes when the list ends with its first `count` items, behind `byteCount` bytes.
  func end(
    at count: Int, behind byteCount: Int, _ body: () throws(JinjaError) -> [JinjaPiece]
  ) {
    shown = count
    defer { shown = nil }
    do {
      found[count] = Found(byteCount: byteCount, end: try body())
    } catch .limit {
      // By itself it may stay within the limits.
    } catch {
      found[count] = Found(byteCount: byteCount, end: nil)
    }
  }
}
