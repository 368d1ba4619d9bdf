import HTTP
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The time to sign at: this machine's clock, corrected by what a service said of it.
final class SigningClock: Sendable {
  private let offset = Mutex(TimeInterval(0))

  /// The corrected time.
  var now: Date { Date().addingTimeInterval(offset.withLock { $0 }) }

  /// Takes over the time of an answer's `Date` field where it is so far from the signature's that this is why it failed.
  ///
  /// - Parameter date: when the refused request was signed. Not the time now: of many calls under way the first to be
  ///   refused corrects the clock for all, and each of them is worth another attempt.
  /// - Returns: whether the signature was off by so much.
  func correct(by response: HTTPResponse, signedAt date: Date) -> Bool {
    guard let serverTime = response.headers["Date"].flatMap(Date.init(httpDate:)) else { return false }
    // AWS takes signatures for five minutes either way; a minute is kept for the way of the request.
    guard abs(serverTime.timeIntervalSince(date)) > 240 else { return false }
    offset.withLock { $0 = serverTime.timeIntervalSinceNow }
    return true
  }
}

extension Date {
  /// The moment of an HTTP-date in the form that servers send, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section
  /// 5.6.7).
  init?(httpDate text: String) {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = Self.months.firstIndex(of: String(parts[2])) else {
      return nil
    }
    let date = "\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z"
    guard let moment = try? Date(date, strategy: .iso8601) else { return nil }
    self = moment
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
