/// The rounds of one measurement.
struct Samples {
  private var sorted: [Double] = []

  mutating func append(_ value: Double) {
    let place = sorted.firstIndex { $0 > value } ?? sorted.endIndex
    sorted.insert(value, at: place)
  }

  var isEmpty: Bool { sorted.isEmpty }

  /// The middle value; the mean of the two middle ones when their number is even.
  var median: Double {
    precondition(!sorted.isEmpty)
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  var least: Double { sorted.first ?? .nan }
  var greatest: Double { sorted.last ?? .nan }
}
