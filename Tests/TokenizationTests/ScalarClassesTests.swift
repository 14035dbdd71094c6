import Testing

@testable import Tokenization

struct ScalarClassesTests {
  @Test func everyCharacterIsInTheSetsThatHaveIt() {
    let sets: [ScalarSet] = [
      .letters, .numbers, .whitespace, ScalarSet("a-z"), ScalarSet([0x7f...0x80, 0x7ff...0x800]),
      ScalarSet([0xffff...0x10000, 0x10ffff...0x10ffff]), !.letters,
    ]
    let classes = ScalarClasses(sets)
    for value in [
      0, 0x20, 0x41, 0x61, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0x3000, 0x4e00, 0xffff, 0x10000, 0x1f600,
      0x10ffff,
    ] as [UInt32] {
      let text = Array(String(Character(Unicode.Scalar(value)!)).utf8)
      let (number, count) = classes.classify(text.span, 0)
      #expect(count == text.count)
      for set in sets {
        let isMember = set.ranges.contains { $0.contains(value) }
        #expect((classes.mask(set) >> ScalarClasses.Mask(number) & 1 == 1) == isMember)
      }
    }
  }

  @Test func aSetThatIsEmptyOrAllIsFine() {
    let all = !ScalarSet([])
    let classes = ScalarClasses([all, ScalarSet([])])
    #expect(classes.mask(all) == 1)
    #expect(classes.mask(ScalarSet([])) == 0)
  }
}
