import CCurl

/// A request's header fields as the list of lines that libcurl takes.
struct HeaderLines {
  /// The list, which is valid until `set` or `free`.
  private(set) var list: UnsafeMutablePointer<curl_slist>?
  /// The memory of one line, reused.
  private var line: [UInt8] = []

  /// Makes the list that of a request.
  ///
  /// - Returns: `false` if there is no memory; the list is empty then.
  mutating func set(_ request: HTTPRequest) -> Bool {
    free()
    let isComplete = addAll(request)
    if !isComplete { free() }
    return isComplete
  }

  /// Frees the list.
  mutating func free() {
    curl_slist_free_all(list)
    list = nil
  }

  private mutating func addAll(_ request: HTTPRequest) -> Bool {
    let headers = request.headers
    // libcurl's own would have the host in its normal form: `127.1` as `127.0.0.1`.
    if headers["Host"] == nil {
      guard add("Host", ": ", request.target.hostField) else { return false }
    }
    for field in headers.fields {
      // libcurl's syntax for a field without a value; with a colon it would omit the field.
      let isBlank = field.value.utf8.first { !$0.isBlank } == nil
      guard isBlank ? add(field.name, ";") : add(field.name, ": ", field.value) else { return false }
    }
    // Omit libcurl's defaults: a form's content type, and waiting for a 100 before a large body.
    for name in ["Content-Type", "Expect"] where headers[name] == nil {
      guard add(name, ":") else { return false }
    }
    return true
  }

  private mutating func add(_ name: String, _ separator: String, _ value: String = "") -> Bool {
    line.removeAll(keepingCapacity: true)
    line.append(utf8: name)
    line.append(utf8: separator)
    line.append(utf8: value)
    line.append(0)
    let longer = line.withUnsafeBufferPointer { line in
      line.withMemoryRebound(to: CChar.self) { curl_slist_append(list, $0.baseAddress) }
    }
    guard let longer else { return false }
    list = longer
    return true
  }
}
