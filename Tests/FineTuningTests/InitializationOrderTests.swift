import Testing

@testable import FineTuning

@Suite struct InitializationOrderTests {
  @Test func firstTakesTheFirst() throws {
    #expect(try InitializationOrder.first.sample(3, of: 9, seed: 1) == [0, 1, 2])
    #expect(try InitializationOrder.first.sample(30, of: 2, seed: 1) == [0, 1])
  }

  @Test func randomIsASeededChoiceWithoutRepetition() throws {
    let chosen = try InitializationOrder.random.sample(20, of: 1000, seed: 1)
    #expect(try chosen == InitializationOrder.random.sample(20, of: 1000, seed: 1))
    #expect(try chosen != InitializationOrder.random.sample(20, of: 1000, seed: 2))
    #expect(chosen == chosen.sorted() && Set(chosen).count == 20)
    #expect(chosen.allSatisfy { (0..<1000).contains($0) } && chosen[19] > 500)
    #expect(try InitializationOrder.random.sample(5, of: 3, seed: 1) == [0, 1, 2])
  }
}
