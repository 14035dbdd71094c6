/// A stretch of rendered text with one provenance. The pieces' texts, joined, are what Jinja2
/// renders.
struct JinjaPiece: Equatable, Sendable {
  var text: String
  /// 0: the template wrote it; else the number that the caller gave to the data it comes from.
  var origin: Int32
  /// It lies inside `{% generation %}`.
  var isGeneration: Bool
}
