/// The methods that Python's values have.
enum JinjaMethod: String, Sendable {
  // Of strings.
  case capitalize, casefold, center, count, encode, endswith, expandtabs, find, format
  case formatMap = "format_map"
  case index, isalnum, isalpha, isascii, isdecimal, isdigit, isidentifier, islower, isnumeric
  case isprintable, isspace, istitle, isupper, join, ljust, lower, lstrip, maketrans, partition
  case removeprefix, removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip
  case split, splitlines, startswith, strip, swapcase, title, translate, upper, zfill
  // Of dictionaries.
  case copy, fromkeys, get, items, keys, values
  // What the sandbox forbids of lists and dictionaries.
  case append, clear, extend, insert, pop, popitem, remove, reverse, setdefault, sort, update
  // Of loops and cyclers.
  case changed, cycle, next, reset
  // Of numbers.
  case bitLength = "bit_length"
  case conjugate
  case isInteger = "is_integer"

  /// What a value has under a method's name.
  enum Standing { case absent, allowed, forbidden }

  func standing(in value: JinjaValue) -> Standing {
    switch value {
    case .text: Self.ofStrings.contains(self) ? .allowed : .absent
    case .mapping:
      switch self {
      case .copy, .fromkeys, .get, .items, .keys, .values: .allowed
      case .clear, .pop, .popitem, .setdefault, .update: .forbidden
      default: .absent
      }
    case .sequence:
      switch self {
      case .copy, .count, .index: .allowed
      case .append, .clear, .extend, .insert, .pop, .remove, .reverse, .sort: .forbidden
      default: .absent
      }
    case .tuple(let list):
      (self == .count || self == .index) && list.names.isEmpty ? .allowed : .absent
    case .integer, .big, .bool: self == .bitLength || self == .conjugate ? .allowed : .absent
    case .float: self == .isInteger || self == .conjugate ? .allowed : .absent
    case .object(let object): standing(in: object)
    case .missing, .none: .absent
    }
  }

  private func standing(in object: JinjaObject) -> Standing {
    switch self {
    case .changed, .cycle: object is JinjaLoop ? .allowed : .absent
    case .next, .reset: object is JinjaCycler ? .allowed : .absent
    case .count, .index: object is JinjaRange ? .allowed : .absent
    default: .absent
    }
  }

  private static let ofStrings: Set<JinjaMethod> = [
    .capitalize, .casefold, .center, .count, .encode, .endswith, .expandtabs, .find, .format,
    .formatMap, .index, .isalnum, .isalpha, .isascii, .isdecimal, .isdigit, .isidentifier,
    .islower, .isnumeric, .isprintable, .isspace, .istitle, .isupper, .join, .ljust, .lower,
    .lstrip, .maketrans, .partition, .removeprefix, .removesuffix, .replace, .rfind, .rindex,
    .rjust, .rpartition, .rsplit, .rstrip, .split, .splitlines, .startswith, .strip, .swapcase,
    .title, .translate, .upper, .zfill,
  ]
}
