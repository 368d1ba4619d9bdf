import HTTP
import JSON

/// The part of a streamed response before its bytes.
enum ResponseHead: Sendable, Equatable {
  /// The payload's content type.
  case raw(contentType: String)
  /// The status, header fields and cookies of an HTTP response, for a function URL.
  case http(status: Int, headers: HTTPHeaders, cookies: [String])

  /// The value of the field `Content-Type` for the Runtime API.
  var contentType: String {
    switch self {
    case .raw(let contentType): contentType
    case .http: "application/vnd.awslambda.http-integration-response"
    }
  }

  /// The bytes before the response's own: for HTTP a JSON object and eight NUL bytes.
  ///
  /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>
  var prelude: [UInt8] {
    guard case .http(let status, let headers, let cookies) = self else { return [] }
    var fields = JSONObjectText()
    for (name, value) in headers.joined.sorted(by: { $0.key < $1.key }) { fields.add(name, value) }
    var prelude = JSONObjectText()
    prelude.add("cookies", strings: cookies)
    prelude.add("headers", json: fields.bytes)
    prelude.add("statusCode", status)
    return prelude.bytes + [UInt8](repeating: 0, count: 8)
  }

  /// Creates the head of an HTTP response. `Set-Cookie` fields become cookies.
  ///
  /// - Throws: `FunctionError` of type `Runtime.InvalidResponse` for a status or field that HTTP does not allow.
  static func http(
    _ status: Int, _ headers: HTTPHeaders, cookies: [String]
  ) throws(FunctionError) -> ResponseHead {
    guard (200...599).contains(status) else {
      throw FunctionError(
        type: "Runtime.InvalidResponse", message: "The response's status is \(status): use 200 to 599.")
    }
    var fields = HTTPHeaders()
    var cookies = cookies
    for field in headers.fields {
      try check(field.name, field.value)
      if field.name.lowercased() == "set-cookie" {
        cookies.append(field.value)
      } else {
        fields.add(name: field.name, value: field.value)
      }
    }
    for cookie in cookies { try check("Set-Cookie", cookie) }
    return .http(status: status, headers: fields, cookies: cookies)
  }

  /// Creates the head of a payload.
  ///
  /// - Throws: `FunctionError` of type `Runtime.InvalidResponse` for a content type that a field cannot hold.
  static func raw(_ contentType: String) throws(FunctionError) -> ResponseHead {
    try check("Content-Type", contentType)
    return .raw(contentType: contentType)
  }

  private static func check(_ name: String, _ value: String) throws(FunctionError) {
    guard HTTPHeaders.isValidField(name, value), !value.isEmpty else {
      throw FunctionError(
        type: "Runtime.InvalidResponse",
        message: "The response's header field \(name.prefix(64).debugDescription) is malformed.")
    }
  }
}

extension HTTPHeaders {
  /// The fields by name; the values of one name are joined by a comma (RFC 9110, section 5.3).
  fileprivate var joined: [String: String] {
    var joined: [String: String] = [:]
    var names: [String: String] = [:]
    for field in fields {
      let name = names[field.name.lowercased()] ?? field.name
      names[field.name.lowercased()] = name
      joined[name] = joined[name].map { "\($0), \(field.value)" } ?? field.value
    }
    return joined
  }
}
