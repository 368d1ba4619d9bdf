import JSON

extension FunctionError {
  /// The error for an event that cannot be decoded: the coding path and the problem, and nothing from the event.
  ///
  /// A `FunctionError` is returned as it is. An error of another type than `DecodingError` may quote the event, so that
  /// only its type is named.
  @usableFromInline init(decoding error: any Error, of payload: [UInt8]) {
    switch error {
    case let error as FunctionError: self = error
    case let error as DecodingError:
      // JSONDecoder reports a number out of range with the same error, without a path, as text that is not JSON.
      let isJSON = JSONText.utf8(payload).map(JSONText.isValid) ?? false
      let problem = isJSON ? error.payloadFreeDescription : "it is not JSON"
      self.init(type: Self.unmarshalError, message: "The event cannot be decoded: \(problem).")
    default:
      self.init(type: Self.unmarshalError, message: "The event cannot be decoded: \(Swift.type(of: error)).")
    }
  }

  /// The error for a response that cannot be encoded: the coding path, and nothing from the response.
  @usableFromInline init(encoding error: any Error) {
    switch error {
    case let error as FunctionError: self = error
    case let error as EncodingError:
      self.init(type: Self.marshalError, message: "The response cannot be encoded: \(error.payloadFreeDescription).")
    default:
      self.init(type: Self.marshalError, message: "The response cannot be encoded: \(Swift.type(of: error)).")
    }
  }

  // The types that AWS's own runtimes report.
  private static let unmarshalError = "Runtime.UnmarshalError"
  private static let marshalError = "Runtime.MarshalError"
}

extension DecodingError {
  /// The coding path and the problem, without the texts of the decoder, which quote values.
  var payloadFreeDescription: String {
    switch self {
    case .keyNotFound(let key, let context): "\((context.codingPath + [key]).path) is missing"
    case .valueNotFound(let type, let context): "\(context.codingPath.path) is null, not \(type)"
    case .typeMismatch(let type, let context): "\(context.codingPath.path) is not \(type)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: "a value is invalid"
    case .dataCorrupted(let context): "\(context.codingPath.path) is invalid"
    @unknown default: "unknown error"
    }
  }
}

extension EncodingError {
  /// The coding path, without the value and the texts of the encoder, which quote values.
  var payloadFreeDescription: String {
    guard case .invalidValue(let value, let context) = self else { return "unknown error" }
    return "\(context.codingPath.path) has a value of type \(type(of: value)) that JSON cannot represent"
  }
}

extension [any CodingKey] {
  /// The path as in JavaScript: `order.items[2].price`. A key that is not the program's own is `[*]`: it comes from the
  /// payload, as the keys of a dictionary do.
  fileprivate var path: String {
    guard !isEmpty else { return "the value" }
    var path = ""
    for key in self {
      if let index = key.intValue, key.stringValue == "Index \(index)" {
        path += "[\(index)]"
      } else if key.isDeclared {
        path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
      } else {
        path += "[*]"
      }
    }
    return path
  }
}

extension CodingKey {
  /// Whether the key is a case of an enumeration without associated values, as `CodingKeys` is.
  fileprivate var isDeclared: Bool {
    let mirror = Mirror(reflecting: self)
    return mirror.displayStyle == .enum && mirror.children.isEmpty
  }
}
