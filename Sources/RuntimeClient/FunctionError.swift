#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An error as Lambda reports it to the caller of a function, and in `/init/error`.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>
public struct FunctionError: Error, Sendable, Equatable {
  /// The kind of error; Lambda's own form is `Category.Reason`.
  public let type: String
  /// A sentence for a person.
  public let message: String

  /// Makes an error.
  ///
  /// - Parameter type: becomes a header field too: what is not printable ASCII in it is replaced, and it is cut to 256
  ///   characters.
  public init(type: String, message: String) {
    self.type = String(type.unicodeScalars.prefix(256).map { (" "..."~").contains($0) ? Character($0) : "?" })
    self.message = message
  }

  /// The error of a handler: the name of its type and its description.
  public init(_ error: any Error) {
    self = (error as? FunctionError) ?? FunctionError(type: "\(Swift.type(of: error))", message: "\(error)")
  }
}

extension FunctionError: CustomStringConvertible {
  /// The message.
  public var description: String { message }
}

extension FunctionError {
  /// The most bytes of a message that go out: an error is read by people, and its request has to fit the limits.
  private static let maximumMessageBytes = 262_144
  /// The service drops a cause of 1 MiB and more, and libcurl refuses a request whose head is larger than that.
  private static let maximumCauseBytes = 1_048_576 - 16_384

  /// The documented body.
  var body: [UInt8] {
    encode(Body(errorMessage: sentMessage, errorType: type, stackTrace: []))
  }

  /// The value of `Lambda-Runtime-Function-XRay-Error-Cause`, `nil` where it would be too long.
  var xrayCause: String? {
    let cause = encode(
      XRayCause(
        workingDirectory: FileManager.default.currentDirectoryPath,
        exceptions: [.init(message: sentMessage, type: type, stack: [])], paths: []))
    let header = String(decoding: cause, as: UTF8.self).escapingNonASCII
    return header.utf8.count <= Self.maximumCauseBytes ? header : nil
  }

  private var sentMessage: String {
    guard message.utf8.count > Self.maximumMessageBytes else { return message }
    return String(decoding: message.utf8.prefix(Self.maximumMessageBytes), as: UTF8.self) + " …"
  }

  private func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Strings and arrays of them cannot fail to encode; were it ever otherwise, the service still gets an object.
    return (try? encoder.encode(value)).map { [UInt8]($0) } ?? Array("{}".utf8)
  }

  private struct Body: Encodable {
    let errorMessage: String
    let errorType: String
    let stackTrace: [String]
  }

  private struct XRayCause: Encodable {
    struct Exception: Encodable {
      let message: String
      let type: String
      let stack: [String]
    }

    let workingDirectory: String
    let exceptions: [Exception]
    let paths: [String]

    private enum CodingKeys: String, CodingKey {
      case workingDirectory = "working_directory"
      case exceptions, paths
    }
  }
}

extension String {
  /// JSON text with all but printable ASCII as `\u` escapes, fit for a header field.
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
