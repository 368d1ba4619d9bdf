import HTTP

/// The signed header fields of a request, in canonical form.
struct CanonicalHeaders: Sendable {
  /// A line for each field.
  let bytes: [UInt8]
  /// The names, separated by semicolons.
  let names: String

  /// Header fields that a proxy or the transport may change, which are therefore not signed.
  private static let unsigned: Set<String> = [
    "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
  ]

  init(_ request: HTTPRequest) {
    var bytes: [UInt8] = []
    let fields = Self.fields(request)
    for (name, value) in fields {
      bytes.append(utf8: name)
      bytes.append(UInt8(ascii: ":"))
      bytes.append(utf8: value)
      bytes.append(UInt8(ascii: "\n"))
    }
    self.bytes = bytes
    names = fields.map(\.name).joined(separator: ";")
  }

  /// The fields, sorted by lower-case name; values trimmed, runs of spaces collapsed, repeated fields joined.
  private static func fields(_ request: HTTPRequest) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    func add(_ name: String, _ value: String) {
      // Insertion sort: there are only a few fields.
      let index = fields.firstIndex { $0.name >= name } ?? fields.endIndex
      if index < fields.endIndex, fields[index].name == name {
        fields[index].value += ",\(value)"
      } else {
        fields.insert((name, value), at: index)
      }
    }
    for field in request.headers.fields {
      let name = field.name.lowercased()
      if !unsigned.contains(name) { add(name, collapsed(field.value)) }
    }
    if request.headers["Host"] == nil { add("host", request.target.hostField) }
    return fields
  }

  /// The value trimmed, with each run of spaces and tabs collapsed to one space.
  private static func collapsed(_ value: String) -> String {
    let space = UInt8(ascii: " "), tab = UInt8(ascii: "\t")
    // Fast path: a session token has neither.
    guard value.containsByte(where: { ($0 == space ? 1 : 0) | ($0 == tab ? 1 : 0) }) else { return value }
    return value.utf8.split { $0 == space || $0 == tab }.map { String(Substring($0)) }.joined(separator: " ")
  }
}
