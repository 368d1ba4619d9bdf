/// A strictly ascending sequence of ids (RFC 9562, section 6.2, method 1); reads no clock.
///
/// Within a millisecond a counter of 12 bits ascends from a random start of 11 bits. If the counter is exhausted, or the
/// clock steps back a little, the ids run ahead of the clock.
struct MessageIDSequence {
  /// The maximum lead of the ids over the clock, in milliseconds. If the clock is set back further, the ids follow it, so
  /// that they do not stay ahead for long.
  private static let longestLead = 10_000

  private var time = -1
  private var counter: UInt16 = 0

  /// - Parameter now: milliseconds since 1970.
  mutating func next(now: Int, using random: inout some RandomNumberGenerator) -> MessageID {
    if now > time || now < time - Self.longestLead {
      time = now
      counter = UInt16.random(in: 0..<0x800, using: &random)
    } else if counter < 0xFFF {
      counter += 1
    } else {
      time += 1
      counter = UInt16.random(in: 0..<0x800, using: &random)
    }
    return MessageID(time: time, counter: counter, random: random.next())
  }
}
