import CCrypto

/// The connections of a room. A row is computed from its number, so a million people take 9 MB.
///
/// A connection's id is two digits for the room, 13 for the person's number and `=`: as long as API Gateway's.
final class Room {
  enum Kind: UInt8 {
    case reader, slow, gone
  }

  static let idLength = 16
  private static let numberDigits = 13

  let index: Int
  let name: String
  let people: Int
  private(set) var deleted = 0
  /// The persons' numbers in the order of the index: of the first two bytes of a hash, then of the number.
  private let order: [UInt32]
  private let hashes: [UInt16]
  private var kinds: [Kind]
  private var isDeleted: [Bool]

  init(_ configuration: Configuration.Room, index: Int) {
    self.index = index
    name = configuration.name
    people = configuration.people
    let hashes = (0..<configuration.people).map { Self.hash(Self.id(room: index, $0)) }
    self.hashes = hashes
    // Stable: ids of the same hash are in the order of their numbers.
    var starts = [Int](repeating: 0, count: 1 << 16 + 1)
    for hash in hashes { starts[Int(hash) + 1] += 1 }
    for bucket in 1..<starts.count { starts[bucket] += starts[bucket - 1] }
    var order = [UInt32](repeating: 0, count: configuration.people)
    for (number, hash) in hashes.enumerated() {
      order[starts[Int(hash)]] = UInt32(number)
      starts[Int(hash)] += 1
    }
    self.order = order
    kinds = (0..<configuration.people).map { number in
      let fraction = Double(Randomness.mix(UInt64(number) &+ 0xABCD) >> 11) / Double(1 << 53)
      if fraction < configuration.slow { return .slow }
      return fraction < configuration.slow + configuration.gone ? .gone : .reader
    }
    isDeleted = [Bool](repeating: false, count: configuration.people)
  }

  func kind(_ number: Int) -> Kind { kinds[number] }

  func hasRow(_ number: Int) -> Bool { !isDeleted[number] }

  /// The number of people who read.
  var readers: Int { kinds.count { $0 == .reader } }

  func delete(_ number: Int) {
    guard !isDeleted[number] else { return }
    isDeleted[number] = true
    deleted += 1
  }

  // MARK: - Ids

  static func id(room: Int, _ number: Int) -> String {
    let digits = String(number)
    let prefix = room < 10 ? "0\(room)" : String(room)
    return prefix + String(repeating: "0", count: numberDigits - digits.utf8.count) + digits + "="
  }

  func id(_ number: Int) -> String { Self.id(room: index, number) }

  /// The room and the number in an id or the start of one, `nil` if it is none of this model.
  static func parse(_ id: some Collection<UInt8>) -> (room: Int, number: Int)? {
    guard id.count >= numberDigits + 2 else { return nil }
    var value = 0
    for byte in id.prefix(numberDigits + 2) {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value.quotientAndRemainder(dividingBy: 10_000_000_000_000) as (Int, Int)
  }

  // MARK: - The index

  /// The first two bytes of the id's SHA-256, by the functions that do not look up a provider: a million take a second.
  private static func hash(_ id: String) -> UInt16 {
    var context = SHA256_CTX()
    SHA256_Init(&context)
    SHA256_Update(&context, id, id.utf8.count)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(SHA256_DIGEST_LENGTH)) { digest in
      SHA256_Final(digest.baseAddress, &context)
      return UInt16(digest[0]) << 8 | UInt16(digest[1])
    }
  }

  func roomKey(_ number: Int) -> String {
    let hexadecimal = String(hashes[number], radix: 16)
    return String(repeating: "0", count: 4 - hexadecimal.utf8.count) + hexadecimal + id(number)
  }

  /// The rows of a page in the order of the index, and whether the limit ended it.
  ///
  /// - Parameters:
  ///   - lower: the least `roomKey`.
  ///   - upper: the greatest `roomKey`; `nil` for no bound.
  ///   - start: the `roomKey` after which the page starts.
  func page(from lower: String, to upper: String?, after start: String?, limit: Int) -> (numbers: [Int], isCut: Bool) {
    var position = self.position { $0 < lower }
    if let start { position = max(position, self.position { $0 <= start }) }
    var numbers: [Int] = []
    while position < order.count, numbers.count < limit {
      let number = Int(order[position])
      if let upper, roomKey(number) > upper { return (numbers, false) }
      if !isDeleted[number] { numbers.append(number) }
      position += 1
    }
    return (numbers, numbers.count == limit)
  }

  /// The position of the first key for which `isBefore` is false.
  private func position(_ isBefore: (String) -> Bool) -> Int {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(roomKey(Int(order[middle]))) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
