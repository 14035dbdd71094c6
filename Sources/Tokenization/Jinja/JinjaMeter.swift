/// Counts what one rendering uses and knows the line that it is at. It belongs to one rendering on
/// one thread; strings and lists made there hold it, to give their bytes back when they go.
final class JinjaMeter: @unchecked Sendable {
  /// The line of the template that is worked on, for errors.
  var line = 1
  private(set) var steps: Int
  private(set) var live = 0
  private(set) var depth = 0
  let memoryLimit: Int
  let limits: JinjaLimits

  /// - Parameter inputBytes: size of the variables.
  init(limits: JinjaLimits, inputBytes: Int) {
    self.limits = limits
    steps = limits.steps + limits.stepsPerByte * inputBytes
    memoryLimit = limits.memoryBytes + limits.memoryPerByte * inputBytes
  }

  /// Counts one step and checks both limits.
  @inline(__always)
  func step() throws(JinjaError) {
    steps -= 1
    if steps < 0 || live > memoryLimit { throw exceeded }
  }

  /// Counts the work of `count` bytes that are read or written.
  func spend(bytes count: Int) throws(JinjaError) {
    steps -= 1 + count >> 7
    if steps < 0 || live > memoryLimit { throw exceeded }
  }

  /// Counts the work of `count` items that are copied, compared or called.
  func spend(items count: Int) throws(JinjaError) {
    steps -= count
    if steps < 0 || live > memoryLimit { throw exceeded }
  }

  /// Counts work where nothing can be thrown; the next step notices.
  func note(bytes count: Int) { steps -= count >> 7 }

  /// Refuses what would be larger than all memory that is allowed, before it is made.
  func expect(bytes count: Int) throws(JinjaError) {
    if count > memoryLimit - live { throw tooLarge }
  }

  func allocate(_ bytes: Int) { live += bytes }
  func free(_ bytes: Int) { live -= bytes }

  /// One level deeper; `leave` takes it back.
  @inline(__always)
  func enter(_ levels: Int = 1) throws(JinjaError) {
    depth += levels
    if depth > limits.depth {
      throw .limit(line: line, reason: "it nests too deeply: a macro or loop that calls itself")
    }
  }

  @inline(__always)
  func leave(_ levels: Int = 1) { depth -= levels }

  private var exceeded: JinjaError {
    if steps < 0 {
      return .limit(line: line, reason: "it takes too many steps: a loop that hardly ends")
    }
    return tooLarge
  }

  private var tooLarge: JinjaError {
    .limit(line: line, reason: "it makes more than \(memoryLimit >> 20) MB of strings and lists")
  }

  /// Where it stands, but for memory, which is counted as it is given back.
  struct Mark {
    fileprivate let line: Int
    fileprivate let steps: Int
    fileprivate let depth: Int
  }

  var mark: Mark { Mark(line: line, steps: steps, depth: depth) }

  func goBack(to mark: Mark) { (line, steps, depth) = (mark.line, mark.steps, mark.depth) }

  /// An error of this line.
  func fail(_ reason: String) -> JinjaError { .runtime(line: line, reason: reason) }
}
