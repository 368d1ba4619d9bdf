import CCurl

/// A request's header fields as libcurl takes them, a linked list of lines, in memory that serves one request after the
/// other.
struct HeaderLines {
  private var text: [UInt8] = []
  /// Where each line begins in the text.
  private var starts: [Int] = []
  private var lines = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 2048)
  private var nodes = UnsafeMutableBufferPointer<curl_slist>.allocate(capacity: 16)

  /// Frees the list.
  func deallocate() {
    lines.deallocate()
    nodes.deallocate()
  }

  /// The list, which is good until the next one is made.
  mutating func list(of headers: HTTPHeaders) -> UnsafeMutablePointer<curl_slist>? {
    text.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    for field in headers.fields {
      // A field without a value is written so; with a colon it would be one that libcurl is to leave out.
      let isBlank = field.value.utf8.first { !$0.isBlank } == nil
      if isBlank { add(field.name, ";") } else { add(field.name, ": ", field.value) }
    }
    // libcurl's own: a form's content type, and to wait for a 100 before a large body.
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
