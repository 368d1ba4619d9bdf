#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An HTTP request with its whole body (RFC 9110).
public struct HTTPRequest: Sendable, Equatable {
  /// The request method.
  public var method: HTTPMethod
  /// The absolute URL, percent-encoded exactly as it goes over the wire.
  public var url: URL {
    didSet { target = TargetURI(url) }
  }
  /// The header fields, in order.
  public var headers: HTTPHeaders
  /// The body; empty for none.
  public var body: [UInt8]
  /// The longest time from the call to the last byte of the response. `nil` waits for as long as it takes.
  public var timeout: Duration?
  /// The largest response body to accept, in bytes; a larger one fails with `HTTPError.Reason.responseTooLarge`.
  public var maximumResponseBytes = Self.defaultMaximumResponseBytes

  /// 64 KiB: enough for the error or acknowledgement that most calls return.
  public static let defaultMaximumResponseBytes = 65_536

  /// The parts of the URL.
  package private(set) var target: TargetURI

  /// Makes a request.
  public init(
    method: HTTPMethod,
    url: URL,
    headers: HTTPHeaders = [:],
    body: [UInt8] = [],
    timeout: Duration? = nil
  ) {
    self.method = method
    self.url = url
    self.target = TargetURI(url)
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }
}

/// A request method (RFC 9110, section 9).
public struct HTTPMethod: RawRepresentable, ExpressibleByStringLiteral, Hashable, Sendable {
  /// The method as it stands in the request line.
  public let rawValue: String

  /// Makes a method of any token.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// Makes a method of a literal, such as `"PATCH"`.
  public init(stringLiteral value: String) { self.rawValue = value }

  /// GET
  public static let get: HTTPMethod = "GET"
  /// POST
  public static let post: HTTPMethod = "POST"
  /// DELETE
  public static let delete: HTTPMethod = "DELETE"
}
