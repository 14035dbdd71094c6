/// What one rendering may use. Work and memory grow with what is rendered, so that a long
/// conversation passes where a short one with an endless loop does not.
struct JinjaLimits: Sendable {
  /// Steps: an expression or statement is one, 128 bytes written or compared are one.
  var steps = 3_000_000
  /// Further steps for each byte of the variables.
  var stepsPerByte = 24
  /// Bytes of strings and lists that are alive at one time.
  var memoryBytes = 20 << 20
  /// Further bytes for each byte of the variables.
  var memoryPerByte = 8
  /// Bytes of the rendered text, before what the variables add.
  var outputBytes = 16 << 20
  /// Expressions, blocks and macros inside each other while rendering.
  var depth = 300
  /// Lists and dictionaries inside each other.
  var valueDepth = 100

  static let `default` = JinjaLimits()

  /// Bytes of a template's text.
  static let sourceBytes = 1 << 20
  /// Parameters of a macro, and named arguments of a call.
  static let parameters = 1000
  /// Values in a tuple that is a key, those of its inner tuples counted.
  static let keySize = 4096
  /// Expressions and blocks inside each other in a template's text.
  static let sourceDepth = 60
}
