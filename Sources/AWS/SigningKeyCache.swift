import Synchronization

/// The last signing key. It takes four HMACs to make and is good for a day, so a broadcast needs it once.
final class SigningKeyCache: Sendable {
  private struct Entry {
    let secret: String
    let day: String
    let key: [UInt8]
  }

  private let last = Mutex<Entry?>(nil)

  /// The key for a secret access key on a day, made by `derive` where it is not the last one.
  func key(_ secret: String, _ day: String, derive: () -> [UInt8]) -> [UInt8] {
    last.withLock { last in
      if let last, last.day == day, last.secret == secret { return last.key }
      let key = derive()
      last = Entry(secret: secret, day: day, key: key)
      return key
    }
  }
}
