import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Signs requests with AWS Signature Version 4, in the stages of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
///
/// For every service except S3, whose paths and bodies are signed differently.
public struct Signer: Sendable {
  private let credentials: Credentials
  private let region: String
  private let service: String
  private let cache: SigningCache

  static let algorithm = "AWS4-HMAC-SHA256"

  /// Creates a signer. Reuse it: it keeps the signing key of a day, and the header fields and the body of its last signature.
  ///
  /// - Parameters:
  ///   - credentials: the keys, with a session token if they are temporary.
  ///   - region: such as `eu-central-1`.
  ///   - service: the signing name, such as `dynamodb` or `execute-api`.
  public init(credentials: Credentials, region: String, service: String) {
    self.init(credentials: credentials, region: region, service: service, cache: SigningCache())
  }

  /// Creates a signer with a shared cache, for credentials that may change between calls.
  init(credentials: Credentials, region: String, service: String, cache: SigningCache) {
    self.credentials = credentials
    self.region = region
    self.service = service
    self.cache = cache
  }

  /// The request with `Host`, `X-Amz-Date`, `Authorization` and, with a session token, `X-Amz-Security-Token`.
  ///
  /// Signs all header fields except those that a proxy or the transport may change. Replaces the values of an earlier
  /// signature, so a request can be signed again. AWS accepts a signature for five minutes around `date`.
  public func sign(_ request: HTTPRequest, at date: Date) -> HTTPRequest {
    let scope = scope(date)
    let headers = cache.headers(of: request, credentials: credentials, scope: scope)
    let canonical = CanonicalRequest(
      request, headers: headers.canonical, bodyDigest: cache.digest(of: request.body))
    let signature = signature(of: stringToSign(canonical.bytes, scope), scope)
    var request = request
    request.headers = HTTPHeaders(headers.fields.fields, reserving: 1)
    request.headers.add(name: "Authorization", value: headers.authorization + signature)
    return request
  }

  // MARK: - The stages

  /// Stage 1: the canonical request. `X-Amz-Date` must be set.
  func canonicalRequest(_ request: HTTPRequest) -> String {
    let canonical = CanonicalRequest(
      request, headers: CanonicalHeaders(request), bodyDigest: SHA256.hash(request.body))
    return String(decoding: canonical.bytes, as: UTF8.self)
  }

  /// Stage 2: the string to sign.
  func stringToSign(_ canonicalRequest: String, at date: Date) -> String {
    String(decoding: stringToSign(Array(canonicalRequest.utf8), scope(date)), as: UTF8.self)
  }

  private func stringToSign(_ canonicalRequest: [UInt8], _ scope: SigningScope) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(192)
    for line in [Self.algorithm, scope.timestamp, scope.text] {
      text.append(utf8: line)
      text.append(UInt8(ascii: "\n"))
    }
    text += SHA256.hash(canonicalRequest).hex
    return text
  }

  /// Stage 3: the signature. A signing key is valid for one day, region and service.
  func signature(of stringToSign: String, at date: Date) -> String {
    signature(of: Array(stringToSign.utf8), scope(date))
  }

  private func signature(of stringToSign: [UInt8], _ scope: SigningScope) -> String {
    String(decoding: scope.key.authenticate(stringToSign).hex, as: UTF8.self)
  }

  private func scope(_ date: Date) -> SigningScope {
    cache.scope(secretAccessKey: credentials.secretAccessKey, region: region, service: service, at: date)
  }
}
