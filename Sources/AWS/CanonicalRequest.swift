import HTTP

/// The canonical request, the first stage of Signature Version 4.
///
/// Built from bytes, because every post of a broadcast is signed.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>
struct CanonicalRequest {
  /// The canonical request's text.
  let bytes: [UInt8]

  /// - Parameters:
  ///   - headers: the signed header fields of the request.
  ///   - bodyDigest: the SHA-256 of the request's body.
  init(_ request: HTTPRequest, headers: CanonicalHeaders, bodyDigest: [UInt8]) {
    let target = request.target
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headers.bytes.count + 512)
    bytes.append(utf8: request.method.rawValue)
    bytes.append(newline)
    Self.addURI(target.path, to: &bytes)
    bytes.append(newline)
    if let query = target.query { bytes.append(utf8: Self.queryString(query)) }
    bytes.append(newline)
    bytes += headers.bytes
    bytes.append(newline)
    bytes.append(utf8: headers.names)
    bytes.append(newline)
    bytes += bodyDigest.hex
    self.bytes = bytes
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
}

private let newline = UInt8(ascii: "\n")
private let slash = UInt8(ascii: "/")
