import Tensors
import Testing

@testable import Transformer

@Suite("The number of threads that nobody has said")
struct ThreadChoiceTests {
  @Test("More threads are taken where they are faster by enough")
  func fastest() {
    #expect(ThreadChoice.fastest(of: [4, 8], [1.0, 0.8]) == 1)
    #expect(ThreadChoice.fastest(of: [4, 8], [1.0, 0.98]) == 0)
    #expect(ThreadChoice.fastest(of: [4, 8], [1.0, 1.2]) == 0)
    #expect(ThreadChoice.fastest(of: [2, 6, 8], [1.0, 1.1, 0.5]) == 2)
    #expect(ThreadChoice.fastest(of: [2], [1.0]) == 0)
  }

  @Test("A sentence says why fewer are used, and how to use all")
  func sentence() {
    let share = ProcessorShare.current
    #expect(
      ThreadChoice.sentence(share, [4, 8], [1.0, 1.25], 0)
        == "computes with 4 threads: in a trial 8 were 25 % slower (--threads 8 takes them)")
    #expect(
      ThreadChoice.sentence(share, [1, 2], [1.0, 0.98], 0)
        == "computes with 1 thread: in a trial 2 were no more than 2 % faster "
        + "(--threads 2 takes them)")
  }
}
