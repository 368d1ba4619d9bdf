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

  private static let algorithm = "AWS4-HMAC-SHA256"

  /// Header fields that a proxy or the transport may change on the way, so they are left out of the signature.
  private static let unsignedHeaders: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  /// Makes a signer.
  ///
  /// - Parameters:
  ///   - region: such as `eu-central-1`.
  ///   - service: the signing name, such as `dynamodb` or `execute-api`.
  public init(credentials: Credentials, region: String, service: String) {
    self.credentials = credentials
    self.region = region
    self.service = service
  }

  /// The request with `X-Amz-Date`, `X-Amz-Security-Token` where there is a token, and `Authorization`.
  ///
  /// All its header fields are signed but those that may change on the way. Values of an earlier signature are
  /// replaced, so a request may be signed anew. AWS takes a signature for five minutes around `date`.
  public func sign(_ request: HTTPRequest, at date: Date) -> HTTPRequest {
    var request = request
    request.headers["Authorization"] = nil
    request.headers["X-Amz-Date"] = timestamp(date)
    request.headers["X-Amz-Security-Token"] = credentials.sessionToken
    let signature = signature(of: stringToSign(canonicalRequest(request), at: date), at: date)
    let signedHeaders = canonicalHeaders(request).map(\.name).joined(separator: ";")
    request.headers["Authorization"] =
      "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope(date)), "
      + "SignedHeaders=\(signedHeaders), Signature=\(signature)"
    return request
  }

  // MARK: - The stages

  /// Stage 1: the canonical request, of a request which already has its `X-Amz-Date`.
  func canonicalRequest(_ request: HTTPRequest) -> String {
    let headers = canonicalHeaders(request)
    return [
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
    [Self.algorithm, timestamp(date), scope(date), SHA256.hash(Array(canonicalRequest.utf8)).hex]
      .joined(separator: "\n")
  }

  /// Stage 3: the signature, with a signing key that is good for one day, region and service.
  func signature(of stringToSign: String, at date: Date) -> String {
    SHA256.hmac(stringToSign.utf8, key: signingKey(date)).hex
  }

  private func signingKey(_ date: Date) -> [UInt8] {
    var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
    for step in [day(date), region, service, "aws4_request"] { key = SHA256.hmac(step.utf8, key: key) }
    return key
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
      let words = field.value.split { $0 == " " || $0 == "\t" }
      values[name, default: []].append(words.joined(separator: " "))
    }
    if values["host"] == nil { values["host"] = [host(request.url)] }
    return values.map { (name: $0.key, value: $0.value.joined(separator: ",")) }.sorted { $0.name < $1.name }
  }

  /// The `Host` field as the transport sends it: with the port, unless it is the scheme's own.
  private func host(_ url: URL) -> String {
    // An IPv6 address comes without the brackets it has in the field.
    let host = url.host(percentEncoded: true).map { $0.contains(":") ? "[\($0)]" : $0 } ?? ""
    let isDefault = url.port == nil || url.port == (url.scheme?.lowercased() == "http" ? 80 : 443)
    return isDefault ? host : "\(host):\(url.port ?? 0)"
  }

  // MARK: - Date and scope

  private func scope(_ date: Date) -> String { "\(day(date))/\(region)/\(service)/aws4_request" }

  private func day(_ date: Date) -> String { String(timestamp(date).prefix(8)) }

  /// ISO 8601's basic format in UTC, such as `20150830T123600Z`.
  private func timestamp(_ date: Date) -> String {
    date.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
  }
}
