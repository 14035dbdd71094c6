import Testing

@testable import Tokenization

struct MergeQueueTests {
  @Test func popsByPriorityThenFromTheLeft() {
    var queue = MergeQueue()
    var expected: [[Int]] = []
    for index in 0..<500 {
      let priority = index * 7919 % 13
      queue.push(priority: UInt32(priority), position: index * 31 % 500)
      expected.append([priority, index * 31 % 500])
    }
    expected.sort { ($0[0], $0[1]) < ($1[0], $1[1]) }
    for pair in expected {
      #expect(queue.first?.position == pair[1])
      let popped = queue.pop()
      #expect(popped?.priority == UInt32(pair[0]) && popped?.position == pair[1])
    }
    #expect(queue.pop() == nil)
  }

  @Test func higherScoresComeFirst() {
    let scores: [Float] = [.infinity, 1e9, 1, 0.5, 0, -0.5, -1, -1e9, -.infinity]
    let priorities = scores.map { MergeQueue.priority(ofScore: $0) }
    #expect(priorities == priorities.sorted())
    #expect(Set(priorities).count == scores.count)
    #expect(MergeQueue.priority(ofScore: -0.0) == MergeQueue.priority(ofScore: 0))
  }
}
