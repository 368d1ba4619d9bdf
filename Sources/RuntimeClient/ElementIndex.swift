/// The place of an element of an array, as a part of a coding path.
struct ElementIndex: CodingKey {
  private let index: Int

  init(_ index: Int) { self.index = index }
  init?(stringValue: String) { return nil }
  init?(intValue: Int) { index = intValue }

  var stringValue: String { "Index \(index)" }
  var intValue: Int? { index }
}
