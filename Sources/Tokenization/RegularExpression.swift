import CPCRE2

/// A compiled pattern of PCRE2 that cuts a text into its matches and what lies between them.
///
/// UTF-8 and Unicode properties are on, and the just-in-time compiler where the machine has it. The compiled code
/// is never written after `init`, hence shared between threads; what a match needs lives for one call. The only
/// file of the target that touches memory by pointer.
@safe
final class RegularExpression: @unchecked Sendable {
  private let code: OpaquePointer
  private let context: OpaquePointer?

  init(_ pattern: String) throws(TokenizationError) {
    var number: Int32 = 0
    var offset = 0
    let text = Array(pattern.utf8)
    let compiled = unsafe text.withUnsafeBufferPointer { buffer in
      unsafe pcre2_compile_8(
        buffer.baseAddress, buffer.count, PCRE2_UTF | PCRE2_UCP, &number, &offset, nil)
    }
    guard let compiled = unsafe compiled else {
      throw .invalidPattern(pattern: pattern, offset: offset, reason: Self.message(number))
    }
    unsafe code = compiled
    // Refused where memory may not be executable: matching then interprets.
    _ = unsafe pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE)
    unsafe context = pcre2_match_context_create_8(nil)
    _ = unsafe pcre2_set_match_limit_8(context, UInt32.max)
    _ = unsafe pcre2_set_heap_limit_8(context, UInt32.max)
  }

  deinit {
    unsafe pcre2_match_context_free_8(context)
    unsafe pcre2_code_free_8(code)
  }

  /// Cuts each fragment into matches and gaps, in order and without loss; a fragment is matched as if it were the
  /// whole text (nothing is seen before or after it).
  ///
  /// - Parameters:
  ///   - text: valid UTF-8.
  ///   - fragments: ranges of `text` that begin and end between characters.
  ///   - pieces: what the fragments are cut into, appended.
  func split(_ text: Span<UInt8>, _ fragments: [Range<Int>], into pieces: inout [Range<Int>]) {
    let match = unsafe pcre2_match_data_create_from_pattern_8(code, nil)
    defer { unsafe pcre2_match_data_free_8(match) }
    guard let match = unsafe match, let bounds = unsafe pcre2_get_ovector_pointer_8(match) else {
      pieces += fragments
      return
    }
    unsafe text.withUnsafeBufferPointer { buffer in
      for fragment in fragments {
        precondition(fragment.lowerBound >= 0 && fragment.upperBound <= buffer.count)
        guard !fragment.isEmpty, let base = buffer.baseAddress else { continue }
        let subject = unsafe base + fragment.lowerBound
        var start = 0
        while start < fragment.count {
          var result = unsafe pcre2_match_8(
            code, subject, fragment.count, start, PCRE2_NO_UTF_CHECK, match, context)
          if result == PCRE2_ERROR_JIT_STACKLIMIT {
            result = unsafe pcre2_match_8(
              code, subject, fragment.count, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match,
              context)
          }
          // Nothing more to find (or no memory to look): the rest is one piece.
          guard result > 0, unsafe bounds[1] > bounds[0] else { break }
          let found = unsafe bounds[0]..<bounds[1]
          if start < found.lowerBound {
            pieces.append(
              (fragment.lowerBound + start)..<(fragment.lowerBound + found.lowerBound))
          }
          pieces.append(
            (fragment.lowerBound + found.lowerBound)..<(fragment.lowerBound + found.upperBound))
          start = found.upperBound
        }
        if start < fragment.count {
          pieces.append((fragment.lowerBound + start)..<fragment.upperBound)
        }
      }
    }
  }

  private static func message(_ number: Int32) -> String {
    var buffer = Array(repeating: UInt8(0), count: 256)
    let count = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      unsafe pcre2_get_error_message_8(number, buffer.baseAddress, buffer.count)
    }
    return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
  }
}
