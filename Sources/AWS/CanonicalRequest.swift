import HTTP

/// The canonical request, the first stage of Signature Version 4.
///
/// Built from bytes, because every post of a broadcast is signed.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>
struct CanonicalRequest {
  /// The canonical request's text.
  let bytes: [UInt8]
  /// The names of the signed header fields, separated by semicolons.
  let signedHeaders: String

  /// Header fields that a proxy or the transport may change, which are therefore not signed.
  private static let unsignedHeaders: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  init(_ request: HTTPRequest) {
    let target = request.target
    let headers = Self.headers(request, target)
    var signedHeaders = ""
    signedHeaders.reserveCapacity(64)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2048)
    func add(line: String) {
      bytes.append(utf8: line)
      bytes.append(newline)
    }
    add(line: request.method.rawValue)
    Self.addURI(target.path, to: &bytes)
    bytes.append(newline)
    add(line: target.query.map(Self.queryString) ?? "")
    for (name, value) in headers {
      bytes.append(utf8: name)
      bytes.append(UInt8(ascii: ":"))
      add(line: value)
      if !signedHeaders.isEmpty { signedHeaders += ";" }
      signedHeaders += name
    }
    bytes.append(newline)
    add(line: signedHeaders)
    bytes += SHA256.hash(request.body).hex
    self.bytes = bytes
    self.signedHeaders = signedHeaders
  }

  /// The path as it is sent, without empty, `.` and `..` segments, percent-encoded a second time.
  private static func addURI(_ path: Substring, to bytes: inout [UInt8]) {
    let start = bytes.count
    // The offsets of the segments in the output, so that `..` can remove one.
    var segments: [Int] = []
    var path = path
    path.withUTF8 { path in
      for segment in path.split(separator: slash) where !segment.elementsEqual(".".utf8) {
        if segment.elementsEqual("..".utf8) {
          segments.popLast().map { bytes.removeSubrange($0...) }
        } else {
          segments.append(bytes.count)
          bytes.append(slash)
          PercentEncoding.encode(segment, to: &bytes)
        }
      }
      if bytes.count == start || path.last == slash { bytes.append(slash) }
    }
  }

  /// The query parameters, decoded and encoded again in canonical form, sorted by name and value.
  private static func queryString(_ query: Substring) -> String {
    query.split(separator: "&")
      .map { parameter -> (name: String, value: String) in
        let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (self.parameter(parts[0]), parts.count > 1 ? self.parameter(parts[1]) : "")
      }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
      .map { "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }

  private static func parameter(_ text: Substring) -> String {
    PercentEncoding.encode(PercentEncoding.decode(text.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }))
  }

  /// The signed header fields, sorted by lower-case name; values trimmed, runs of spaces collapsed, repeated fields
  /// joined.
  private static func headers(
    _ request: HTTPRequest, _ target: TargetURI
  ) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    headers.reserveCapacity(request.headers.fields.count + 1)
    func add(_ name: String, _ value: String) {
      // Insertion sort: there are only a few fields.
      let index = headers.firstIndex { $0.name >= name } ?? headers.endIndex
      if index < headers.endIndex, headers[index].name == name {
        headers[index].value += ",\(value)"
      } else {
        headers.insert((name, value), at: index)
      }
    }
    for field in request.headers.fields {
      let name = field.name.lowercased()
      if !unsignedHeaders.contains(name) { add(name, collapsed(field.value)) }
    }
    if request.headers["Host"] == nil { add("host", target.hostField) }
    return headers
  }

  /// The value trimmed, with each run of spaces and tabs collapsed to one space.
  private static func collapsed(_ value: String) -> String {
    let space = UInt8(ascii: " "), tab = UInt8(ascii: "\t")
    guard value.containsByte(where: { ($0 == space ? 1 : 0) | ($0 == tab ? 1 : 0) }) else { return value }
    return value.utf8.split { $0 == space || $0 == tab }.map { String(Substring($0)) }.joined(separator: " ")
  }
}

private let newline = UInt8(ascii: "\n")
private let slash = UInt8(ascii: "/")
