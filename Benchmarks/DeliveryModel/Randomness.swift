#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// SplitMix64: the same numbers in every run.
struct Randomness: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// A number from 0 up to 1.
  mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// A uniform number that depends on another one only.
  static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Response times with a log-normal distribution, computed once.
struct LatencyDistribution {
  private static let size = 4096
  private let samples: [Microseconds]

  /// - Parameters:
  ///   - median: in milliseconds.
  ///   - spread: sigma of the logarithm; 0 for a constant.
  init(median: Double, spread: Double) {
    var randomness = Randomness(seed: 1)
    samples = (0..<Self.size).map { _ in
      // The Box–Muller transform.
      let radius = (-2 * log(1 - randomness.fraction())).squareRoot()
      return Microseconds(median * 1000 * exp(spread * radius * cos(2 * .pi * randomness.fraction())))
    }
  }

  func sample(_ randomness: inout Randomness) -> Microseconds {
    samples[Int(truncatingIfNeeded: randomness.next() % UInt64(Self.size))]
  }
}
