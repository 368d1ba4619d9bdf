import CCurl

/// A request's header fields as the linked list of lines that libcurl takes, in memory that is reused for each request.
struct HeaderLines {
  private var text: [UInt8] = []
  /// The offset of each line in the text.
  private var starts: [Int] = []
  private var lines = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 2048)
  private var nodes = UnsafeMutableBufferPointer<curl_slist>.allocate(capacity: 16)

  /// Frees the list.
  func deallocate() {
    lines.deallocate()
    nodes.deallocate()
  }

  /// The list, which is valid until the next call.
  mutating func list(of request: HTTPRequest) -> UnsafeMutablePointer<curl_slist>? {
    let headers = request.headers
    text.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    // libcurl's own would have the host in its normal form: `127.1` as `127.0.0.1`.
    if headers["Host"] == nil { add("Host", ": ", request.target.hostField) }
    for field in headers.fields {
      // libcurl's syntax for a field without a value; with a colon it would omit the field.
      let isBlank = field.value.utf8.first { !$0.isBlank } == nil
      if isBlank { add(field.name, ";") } else { add(field.name, ": ", field.value) }
    }
    // Omit libcurl's defaults: a form's content type, and waiting for a 100 before a large body.
    for name in ["Content-Type", "Expect"] where headers[name] == nil { add(name, ":") }
    return link()
  }

  private mutating func add(_ name: String, _ separator: String, _ value: String = "") {
    starts.append(text.count)
    text.append(utf8: name)
    text.append(utf8: separator)
    text.append(utf8: value)
    text.append(0)
  }

  private mutating func link() -> UnsafeMutablePointer<curl_slist>? {
    if lines.count < text.count {
      lines.deallocate()
      lines = .allocate(capacity: text.count)
    }
    if nodes.count < starts.count {
      nodes.deallocate()
      nodes = .allocate(capacity: starts.count)
    }
    UnsafeMutableRawBufferPointer(lines).copyBytes(from: text)
    for (index, start) in starts.enumerated() {
      let next = index + 1 < starts.count ? nodes.baseAddress.map { $0 + index + 1 } : nil
      nodes[index] = curl_slist(data: lines.baseAddress.map { $0 + start }, next: next)
    }
    return nodes.baseAddress
  }
}
