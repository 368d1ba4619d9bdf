import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Signs requests with AWS Signature Version 4, in the stages and by the names of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
///
/// For every service but S3, which has rules of its own for paths and bodies.
public struct Signer: Sendable {
  private let credentials: Credentials
  private let region: String
  private let service: String
  private let keys: SigningKeyCache

  private static let algorithm = "AWS4-HMAC-SHA256"

  /// Header fields that a proxy or the transport may change on the way, so they are left out of the signature.
  private static let unsignedHeaders: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  /// Makes a signer. Keep it where you can: a signing key is good for a day, and it keeps the last one.
  ///
  /// - Parameters:
  ///   - region: such as `eu-central-1`.
  ///   - service: the signing name, such as `dynamodb` or `execute-api`.
  public init(credentials: Credentials, region: String, service: String) {
    self.init(credentials: credentials, region: region, service: service, keys: SigningKeyCache())
  }

  /// Makes a signer that shares its keys with others, for credentials that may change from call to call.
  init(credentials: Credentials, region: String, service: String, keys: SigningKeyCache) {
    self.credentials = credentials
    self.region = region
    self.service = service
    self.keys = keys
  }

  /// The request with `X-Amz-Date`, `X-Amz-Security-Token` where there is a token, and `Authorization`.
  ///
  /// All its header fields are signed but those that may change on the way. Values of an earlier signature are
  /// replaced, so a request may be signed anew. AWS takes a signature for five minutes around `date`.
  public func sign(_ request: HTTPRequest, at date: Date) -> HTTPRequest {
    let timestamp = Self.timestamp(date)
    var request = request
    request.headers["Authorization"] = nil
    request.headers["X-Amz-Date"] = timestamp
    request.headers["X-Amz-Security-Token"] = credentials.sessionToken
    let headers = canonicalHeaders(request)
    let stringToSign = stringToSign(canonicalRequest(request, headers), at: timestamp)
    let signature = signature(of: stringToSign, at: timestamp)
    request.headers["Authorization"] =
      "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope(timestamp)), "
      + "SignedHeaders=\(headers.map(\.name).joined(separator: ";")), Signature=\(signature)"
    return request
  }

  // MARK: - The stages

  /// Stage 1: the canonical request, of a request which already has its `X-Amz-Date`.
  func canonicalRequest(_ request: HTTPRequest) -> String {
    canonicalRequest(request, canonicalHeaders(request))
  }

  private func canonicalRequest(_ request: HTTPRequest, _ headers: [(name: String, value: String)]) -> String {
    [
      request.method.rawValue,
      canonicalURI(request.url),
      canonicalQueryString(request.url),
      headers.map { "\($0.name):\($0.value)\n" }.joined(),
      headers.map(\.name).joined(separator: ";"),
      SHA256.hash(request.body).hex,
    ].joined(separator: "\n")
  }

  /// Stage 2: the string to sign.
  func stringToSign(_ canonicalRequest: String, at date: Date) -> String {
    stringToSign(canonicalRequest, at: Self.timestamp(date))
  }

  private func stringToSign(_ canonicalRequest: String, at timestamp: String) -> String {
    [Self.algorithm, timestamp, scope(timestamp), SHA256.hash(Array(canonicalRequest.utf8)).hex]
      .joined(separator: "\n")
  }

  /// Stage 3: the signature, with a signing key that is good for one day, region and service.
  func signature(of stringToSign: String, at date: Date) -> String {
    signature(of: stringToSign, at: Self.timestamp(date))
  }

  private func signature(of stringToSign: String, at timestamp: String) -> String {
    let day = day(timestamp)
    let secret = credentials.secretAccessKey
    let key = keys.key(secret, day) {
      [day, region, service, "aws4_request"].reduce(Array("AWS4\(secret)".utf8)) { SHA256.hmac($1.utf8, key: $0) }
    }
    return SHA256.hmac(stringToSign.utf8, key: key).hex
  }

  // MARK: - The parts of the canonical request

  /// The path as it goes over the wire, without empty, `.` and `..` segments, percent-encoded once more.
  private func canonicalURI(_ url: URL) -> String {
    let path = url.path(percentEncoded: true)
    var segments: [Substring] = []
    for segment in path.split(separator: "/") where segment != "." {
      if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
    }
    guard !segments.isEmpty else { return "/" }
    let end = path.hasSuffix("/") ? "/" : ""
    return "/" + PercentEncoding.encode(segments.joined(separator: "/").utf8, keepingSlash: true) + end
  }

  /// The parameters, each decoded as a server does and encoded in the one way of the standard, by name and then value.
  private func canonicalQueryString(_ url: URL) -> String {
    guard let query = url.query(percentEncoded: true), !query.isEmpty else { return "" }
    return query.split(separator: "&")
      .map { parameter -> (name: String, value: String) in
        let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (canonicalParameter(parts[0]), parts.count > 1 ? canonicalParameter(parts[1]) : "")
      }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
      .map { "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }

  private func canonicalParameter(_ text: Substring) -> String {
    PercentEncoding.encode(PercentEncoding.decode(text.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }))
  }

  /// The signed header fields by name: lower case, values trimmed, runs of spaces made one, repeated fields joined.
  private func canonicalHeaders(_ request: HTTPRequest) -> [(name: String, value: String)] {
    var values: [String: [String]] = [:]
    for field in request.headers.fields {
      let name = field.name.lowercased()
      guard !Self.unsignedHeaders.contains(name) else { continue }
      values[name, default: []].append(Self.collapsed(field.value))
    }
    if values["host"] == nil { values["host"] = [host(request.url)] }
    return values.map { (name: $0.key, value: $0.value.joined(separator: ",")) }.sorted { $0.name < $1.name }
  }

  /// The value trimmed, and each run of spaces and tabs made one space. By bytes, since a session token is long.
  private static func collapsed(_ value: String) -> String {
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard value.utf8.withContiguousStorageIfAvailable({ $0.contains(where: isSpace) }) ?? true else { return value }
    return value.utf8.split(whereSeparator: isSpace).map { String(Substring($0)) }.joined(separator: " ")
  }

  /// The `Host` field as the transport sends it: with the port, unless it is the scheme's own.
  private func host(_ url: URL) -> String {
    // An IPv6 address comes without the brackets it has in the field.
    let host = url.host(percentEncoded: true).map { $0.contains(":") ? "[\($0)]" : $0 } ?? ""
    let isDefault = url.port == nil || url.port == (url.scheme?.lowercased() == "http" ? 80 : 443)
    return isDefault ? host : "\(host):\(url.port ?? 0)"
  }

  // MARK: - Date and scope

  private func scope(_ timestamp: String) -> String { "\(day(timestamp))/\(region)/\(service)/aws4_request" }

  private func day(_ timestamp: String) -> String { String(timestamp.prefix(8)) }

  /// ISO 8601's basic format in UTC, such as `20150830T123600Z`.
  private static func timestamp(_ date: Date) -> String {
    date.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
  }
}
