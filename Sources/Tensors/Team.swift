internal import CKernels

/// The results of `body` for 0..<count, in order, up to `most` at a time. Each call and every kernel in it runs on one
/// thread; with one at a time, kernels use all threads as ever. For many pieces of work too small to be divided.
public func sideBySide<Value>(_ count: Int, atMost most: Int, _ body: (Int) -> Value) -> [Value] {
  var results = [Value?](repeating: nil, count: count)
  unsafe results.withUnsafeMutableBufferPointer { results in
    let places = unsafe results
    // Every call has a place of its own.
    let store: (Int) -> Void = { index in unsafe places[index] = body(index) }
    forEach(count, atMost: most, store)
  }
  return results.compactMap(\.self)
}

private func forEach(_ count: Int, atMost most: Int, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    var body = body
    unsafe withUnsafeMutablePointer(to: &body) { pointer in
      unsafe ck_for_each(
        Int64(count), Int32(clamping: most),
        { unsafe $0!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int($1)) }, pointer)
    }
  }
}
