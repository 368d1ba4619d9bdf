#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An HTTP request with its whole body (RFC 9110).
public struct HTTPRequest: Sendable, Equatable {
  /// The request method.
  public var method: HTTPMethod
  /// The scheme, `http` or `https`.
  public var scheme: String {
    get { target.scheme }
    set { target.scheme = newValue.lowercased() }
  }
  /// Host and port, such as `example.com:8443`; an IPv6 address in brackets. Signed and sent as spelled.
  public var authority: String {
    get { target.authority }
    set { target.authority = newValue }
  }
  /// Path and query, percent-encoded exactly as they are sent.
  public var path: String {
    get { target.originForm }
    set { target = TargetURI(scheme: scheme, authority: authority, path: newValue) }
  }
  /// The path of an endpoint, to which the paths of operations are appended.
  package var pathWithoutTrailingSlashes: String {
    var path = path
    while path.hasSuffix("/") { path.removeLast() }
    return path
  }
  /// The header fields, in order.
  public var headers: HTTPHeaders
  /// The body; empty for none.
  public var body: [UInt8]
  /// The longest time from the call to the last byte of the response; `nil` for no limit.
  public var timeout: Duration?
  /// The largest response body to accept, in bytes; a larger one fails with `HTTPError.Reason.responseTooLarge`.
  public var maximumResponseBytes = Self.defaultMaximumResponseBytes

  /// 64 KiB: enough for the error or acknowledgement that most calls return.
  public static let defaultMaximumResponseBytes = 65_536

  /// Scheme, authority and path.
  package private(set) var target: TargetURI

  /// Creates a request.
  public init(
    method: HTTPMethod, scheme: String, authority: String, path: String, headers: HTTPHeaders = [:],
    body: [UInt8] = [], timeout: Duration? = nil
  ) {
    self.init(
      method: method, target: TargetURI(scheme: scheme.lowercased(), authority: authority, path: path),
      headers: headers, body: body, timeout: timeout)
  }

  /// Creates a request to an absolute URL, which must be percent-encoded; its fragment is dropped.
  ///
  /// For any other text, sending fails with `HTTPError.Reason.invalidRequest`.
  public init(
    method: HTTPMethod, absoluteURL: String, headers: HTTPHeaders = [:], body: [UInt8] = [], timeout: Duration? = nil
  ) {
    self.init(method: method, target: TargetURI(absoluteURL), headers: headers, body: body, timeout: timeout)
  }

  /// Creates a request to a target.
  package init(
    method: HTTPMethod, target: TargetURI, headers: HTTPHeaders = [:], body: [UInt8] = [], timeout: Duration? = nil
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }

  /// Scheme, authority and path as one text.
  public var absoluteURL: String { target.text }
}

/// Compiled into the program that uses these members: an executable without them does not contain Foundation's `URL`, which
/// brings a large part of FoundationEssentials with it.
extension HTTPRequest {
  /// Creates a request to an absolute URL, which must be percent-encoded; its fragment is dropped.
  @_alwaysEmitIntoClient public init(
    method: HTTPMethod, url: URL, headers: HTTPHeaders = [:], body: [UInt8] = [], timeout: Duration? = nil
  ) {
    self.init(method: method, absoluteURL: url.absoluteString, headers: headers, body: body, timeout: timeout)
  }

  /// The request's URL; `nil` if its parts do not form one.
  @_alwaysEmitIntoClient public var url: URL? { URL(string: absoluteURL, encodingInvalidCharacters: false) }
}

extension HTTPRequest {
  /// Rejects a request that a transport cannot send unchanged.
  func validate() throws(HTTPError) {
    guard target.scheme == "https" || target.scheme == "http", target.hasHost else {
      throw HTTPError(.invalidRequest, self, detail: "an absolute http or https URL is required")
    }
    guard !target.authority.containsByte(where: \.isOutsideAuthority) else {
      throw HTTPError(.invalidRequest, self, detail: "the authority is not a host and a port")
    }
    guard !target.originForm.containsByte(where: \.isOutsidePath) else {
      throw HTTPError(.invalidRequest, self, detail: "the path is not percent-encoded")
    }
    guard method.rawValue.isToken else {
      throw HTTPError(.invalidRequest, self, detail: "the method is not a token")
    }
    if let field = headers.fields.first(where: { !$0.isValid }) {
      throw HTTPError(.invalidRequest, self, detail: "header field \(field.name.debugDescription) is malformed")
    }
  }
}

extension UInt8 {
  /// 1 for a control character, a space, a byte beyond ASCII or `#`, which would end the path; else 0.
  fileprivate var isOutsidePath: UInt8 {
    (self <= 0x20 ? 1 : 0) | (self >= 0x7F ? 1 : 0) | (self == UInt8(ascii: "#") ? 1 : 0)
  }

  /// 1 for a byte that would end the authority or be user information in it; else 0.
  fileprivate var isOutsideAuthority: UInt8 {
    isOutsidePath | (self == UInt8(ascii: "/") ? 1 : 0) | (self == UInt8(ascii: "?") ? 1 : 0)
      | (self == UInt8(ascii: "@") ? 1 : 0) | (self == UInt8(ascii: "\\") ? 1 : 0)
  }
}

/// A request method (RFC 9110, section 9).
public struct HTTPMethod: RawRepresentable, ExpressibleByStringLiteral, Hashable, Sendable {
  /// The method as in the request line.
  public let rawValue: String

  /// Creates a method from a token.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// Creates a method from a literal, such as `"PATCH"`.
  public init(stringLiteral value: String) { self.rawValue = value }

  /// GET
  public static let get: HTTPMethod = "GET"
  /// POST
  public static let post: HTTPMethod = "POST"
  /// DELETE
  public static let delete: HTTPMethod = "DELETE"
}
