import HTTP
import JSON

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An error that Lambda reports to the function's caller, or as the reason for a failed initialization.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>
public struct FunctionError: Error, Sendable, Equatable {
  /// The error's type; Lambda's own types have the form `Category.Reason`.
  public let type: String
  /// A description for people.
  public let message: String

  /// Creates an error.
  ///
  /// - Parameters:
  ///   - type: The type, which is also sent as a header field: it is cut to 256 characters, and characters other than
  ///     printable ASCII become `?`.
  ///   - message: A description for people.
  public init(type: String, message: String) {
    self.type = String(type.unicodeScalars.prefix(256).map { (" "..."~").contains($0) ? Character($0) : "?" })
    self.message = message
  }

  /// Creates the error for one that a handler threw: the name of its type and its description.
  ///
  /// The descriptions of `DecodingError` and `EncodingError` quote values, so that the coding path replaces them.
  public init(_ error: any Error) {
    switch error {
    case let error as FunctionError: self = error
    case let error as DecodingError:
      self.init(type: "DecodingError", message: "A value cannot be decoded: \(error.payloadFreeDescription).")
    case let error as EncodingError:
      self.init(type: "EncodingError", message: "A value cannot be encoded: \(error.payloadFreeDescription).")
    default: self.init(type: "\(Swift.type(of: error))", message: "\(error)")
    }
  }
}

extension FunctionError: CustomStringConvertible {
  /// The message.
  public var description: String { message }
}

extension FunctionError {
  /// The limit of a message in bytes: the request's header and body must stay within the service's limits.
  private static let maximumMessageBytes = 262_144
  /// The service drops a cause of 1 MiB and more, and libcurl refuses a larger header block.
  private static let maximumCauseBytes = 1_048_576 - 16_384
  /// libcurl (7.88) refuses a trailer of 64 KiB; base64 adds a third.
  private static let maximumTrailerBytes = 32_768

  /// The documented request body.
  var body: [UInt8] {
    body(message: sentMessage)
  }

  private func body(message: String) -> [UInt8] {
    var body = JSONObjectText()
    body.add("errorMessage", message)
    body.add("errorType", type)
    body.add("stackTrace", strings: [])
    return body.bytes
  }

  /// The value of `Lambda-Runtime-Function-XRay-Error-Cause`; `nil` if it is too long.
  var xrayCause: String? {
    var exception = JSONObjectText()
    exception.add("message", sentMessage)
    exception.add("stack", strings: [])
    exception.add("type", type)
    var cause = JSONObjectText()
    cause.add("exceptions", array: [exception.bytes])
    cause.add("paths", strings: [])
    cause.add("working_directory", Self.workingDirectory)
    let header = String(decoding: cause.bytes, as: UTF8.self).escapingNonASCII
    return header.utf8.count <= Self.maximumCauseBytes ? header : nil
  }

  /// The trailer of a streamed response that ends with this error.
  ///
  /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>
  var streamTrailer: HTTPHeaders {
    var limit = Self.maximumTrailerBytes
    var body: [UInt8]
    repeat {
      body = self.body(message: message.cut(to: limit))
      limit /= 2
      // A control character of the message takes six bytes in JSON.
    } while body.count > Self.maximumTrailerBytes
    return [
      "Lambda-Runtime-Function-Error-Type": type,
      "Lambda-Runtime-Function-Error-Body": Base64.standard.encode(body),
    ]
  }

  private var sentMessage: String { message.cut(to: Self.maximumMessageBytes) }

  /// The process's directory; `/` if it cannot be read.
  private static var workingDirectory: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }
}

extension String {
  fileprivate func cut(to maximumBytes: Int) -> String {
    utf8.count > maximumBytes ? String(decoding: utf8.prefix(maximumBytes), as: UTF8.self) + " …" : self
  }

  /// The JSON text with everything but printable ASCII as `\u` escapes, valid in a header field.
  fileprivate var escapingNonASCII: String {
    var escaped = ""
    for unit in utf16 {
      if (0x20...0x7E).contains(unit) {
        escaped.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      } else {
        let hex = String(unit, radix: 16)
        escaped += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      }
    }
    return escaped
  }
}
