import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The first stage of Signature Version 4: a request in the one form that both sides hash.
///
/// Made of bytes throughout, since it is made for each post of a broadcast.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>
struct CanonicalRequest {
  /// The text.
  let bytes: [UInt8]
  /// The names of the signed header fields, with semicolons between.
  let signedHeaders: String

  /// Header fields that a proxy or the transport may change on the way, so they are left out of the signature.
  private static let unsignedHeaders: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  init(_ request: HTTPRequest) {
    let url = request.url
    let headers = Self.headers(request)
    signedHeaders = headers.map(\.name).joined(separator: ";")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2048)
    func add(line: String) {
      bytes += line.utf8
      bytes.append(UInt8(ascii: "\n"))
    }
    add(line: request.method.rawValue)
    add(line: Self.uri(url.path(percentEncoded: true)))
    add(line: url.query(percentEncoded: true).map(Self.queryString) ?? "")
    for (name, value) in headers {
      bytes += name.utf8
      bytes.append(UInt8(ascii: ":"))
      add(line: value)
    }
    add(line: "")
    add(line: signedHeaders)
    bytes += SHA256.hash(request.body).hex.utf8
    self.bytes = bytes
  }

  /// The path as it goes over the wire, without empty, `.` and `..` segments, percent-encoded once more.
  private static func uri(_ path: String) -> String {
    let slash = UInt8(ascii: "/"), dot = UInt8(ascii: ".")
    guard
      path.isEmpty
        || zip(path.utf8, path.utf8.dropFirst()).contains(where: { $0 == slash && ($1 == slash || $1 == dot) })
    else { return PercentEncoding.encode(path.utf8, keepingSlash: true) }
    var segments: [Substring.UTF8View] = []
    for segment in path.utf8.split(separator: slash) where !segment.elementsEqual(".".utf8) {
      if segment.elementsEqual("..".utf8) { _ = segments.popLast() } else { segments.append(segment) }
    }
    guard !segments.isEmpty else { return "/" }
    let end = path.utf8.last == slash ? "/" : ""
    return segments.reduce(into: "") { uri, segment in
      uri += "/"
      uri += PercentEncoding.encode(segment)
    } + end
  }

  /// The parameters, each decoded as a server does and encoded in the one way of the standard, by name and then value.
  private static func queryString(_ query: String) -> String {
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

  /// The signed header fields by name: lower case, values trimmed, runs of spaces made one, repeated fields joined.
  private static func headers(_ request: HTTPRequest) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    headers.reserveCapacity(request.headers.fields.count + 1)
    func add(_ name: String, _ value: String) {
      // The few that there are, kept in order as they come.
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
    if request.headers["Host"] == nil { add("host", host(request.url)) }
    return headers
  }

  /// The value trimmed, and each run of spaces and tabs made one space.
  private static func collapsed(_ value: String) -> String {
    let space = UInt8(ascii: " "), tab = UInt8(ascii: "\t")
    guard value.containsByte(where: { ($0 == space ? 1 : 0) | ($0 == tab ? 1 : 0) }) else { return value }
    return value.utf8.split { $0 == space || $0 == tab }.map { String(Substring($0)) }.joined(separator: " ")
  }

  /// The `Host` field as the transport sends it: with the port, unless it is the scheme's own.
  private static func host(_ url: URL) -> String {
    // An IPv6 address comes without the brackets it has in the field.
    let host = url.host(percentEncoded: true).map { $0.contains(":") ? "[\($0)]" : $0 } ?? ""
    guard let port = url.port, port != (url.scheme?.lowercased() == "http" ? 80 : 443) else { return host }
    return "\(host):\(port)"
  }
}
