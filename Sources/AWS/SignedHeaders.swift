import HTTP

/// The header fields of a signed request, without the signature. They depend on neither path nor body, so the posts of a
/// broadcast share them for a second.
struct SignedHeaders: Sendable {
  /// The fields to send, without `Authorization`.
  let fields: HTTPHeaders
  /// The signed fields.
  let canonical: CanonicalHeaders
  /// The value of `Authorization` up to the signature.
  let authorization: String

  // The parts of the request and of its signature that determine the fields.
  private let source: HTTPHeaders
  private let scheme: String
  private let authority: String
  private let credentials: Credentials
  private let timestamp: String

  init(_ request: HTTPRequest, credentials: Credentials, scope: SigningScope) {
    source = request.headers
    scheme = request.scheme
    authority = request.authority
    self.credentials = credentials
    timestamp = scope.timestamp
    var request = request
    // Explicit, because the transport may spell the host differently from what is signed.
    if source["Host"] == nil { request.headers.add(name: "Host", value: request.target.hostField) }
    request.headers["Authorization"] = nil
    request.headers["X-Amz-Date"] = scope.timestamp
    request.headers["X-Amz-Security-Token"] = credentials.sessionToken
    fields = request.headers
    canonical = CanonicalHeaders(request)
    authorization =
      "\(Signer.algorithm) Credential=\(credentials.accessKeyID)/\(scope.text), "
      + "SignedHeaders=\(canonical.names), Signature="
  }

  /// Whether another request has the same fields.
  func apply(to request: HTTPRequest, credentials: Credentials, scope: SigningScope) -> Bool {
    timestamp == scope.timestamp && credentials == self.credentials && request.headers == source
      && request.authority == authority && request.scheme == scheme
  }
}

extension SignedHeaders: CustomReflectable {
  /// A mirror without children: the fields and the credentials hold secrets.
  var customMirror: Mirror { Mirror(self, children: []) }
}
