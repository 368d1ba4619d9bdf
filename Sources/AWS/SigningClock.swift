import HTTP
import Log
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The signing time: this machine's clock, corrected by the skew measured from a service's `Date`.
final class SigningClock: Sendable {
  private let offset = Mutex(TimeInterval(0))

  /// The corrected time.
  var now: Date { Date().addingTimeInterval(offset.withLock { $0 }) }

  /// Corrects the clock by a response's `Date` field if clock skew explains why the signature was refused.
  ///
  /// - Parameter date: the signing time of the refused request, not the current time: of many calls in flight, the first one
  ///   refused corrects the clock, and all of them are retried.
  /// - Returns: whether clock skew explains the refusal.
  func correct(by response: HTTPResponse, signedAt date: Date) -> Bool {
    guard let serverTime = response.headers["Date"].flatMap(Date.init(httpDate:)) else { return false }
    // AWS accepts signatures up to five minutes old or ahead; one minute is reserved for the request's latency.
    guard abs(serverTime.timeIntervalSince(date)) > 240 else { return false }
    offset.withLock { $0 = serverTime.timeIntervalSinceNow }
    return true
  }
}

extension Date {
  /// Parses an HTTP-date in the preferred format, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section
  /// 5.6.7).
  init?(httpDate text: String) {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = Self.months.firstIndex(of: String(parts[2])) else {
      return nil
    }
    let date = "\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z"
    guard let milliseconds = UTCTime.milliseconds(date) else { return nil }
    self.init(timeIntervalSince1970: TimeInterval(milliseconds) / 1000)
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
