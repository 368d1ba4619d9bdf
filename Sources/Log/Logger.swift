#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Writes log lines as AWS's own Lambda runtimes do: text or JSON, one write for each line.
///
/// The caller answers for what goes in: no payload, no credential. What goes in is escaped, so a line is always one
/// line. See <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
public struct Logger: Sendable {
  /// How grave a line is, by the names of `AWS_LAMBDA_LOG_LEVEL`.
  public enum Level: Int, Sendable, Comparable, CaseIterable {
    case trace = 1
    case debug, info, warn, error, fatal

    /// The level of that name in any case; `WARNING` and `CRITICAL` are taken too.
    public init?(name: String) {
      switch name.uppercased() {
      case "TRACE": self = .trace
      case "DEBUG": self = .debug
      case "INFO": self = .info
      case "WARN", "WARNING": self = .warn
      case "ERROR": self = .error
      case "FATAL", "CRITICAL": self = .fatal
      default: return nil
      }
    }

    /// The name as AWS prints it.
    public var name: String { "\(self)".uppercased() }

    /// Orders by gravity.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// How a line looks.
  public enum Format: Sendable {
    /// Timestamp, request id, level, message and `name=value` fields, with tabs between.
    case text
    /// One JSON object.
    case json
  }

  /// A structured field's value.
  public enum Value: Sendable, Equatable {
    case string(String)
    case int(Int)
    case double(Double)
  }

  /// Lines below this level are dropped.
  public let level: Level
  /// How lines look.
  public let format: Format
  let sink: LogSink
  private(set) var requestID: String?
  private var tenantID: String?

  /// Makes a logger.
  public init(level: Level = .info, format: Format = .text, sink: LogSink = .standardError) {
    self.level = level
    self.format = format
    self.sink = sink
  }

  /// Makes the logger that the environment asks for: `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL` (or `LOG_LEVEL`),
  /// `_LAMBDA_TELEMETRY_LOG_FD`. A value that is not known counts as not set.
  public init(environment: [String: String]) {
    let level = environment["AWS_LAMBDA_LOG_LEVEL"] ?? environment["LOG_LEVEL"]
    self.init(
      level: level.flatMap(Level.init(name:)) ?? .info,
      format: environment["AWS_LAMBDA_LOG_FORMAT"]?.uppercased() == "JSON" ? .json : .text,
      sink: environment["_LAMBDA_TELEMETRY_LOG_FD"].flatMap { Int32($0) }.map { .telemetry($0) } ?? .standardError
    )
  }

  /// The same logger, with every line bound to one invocation.
  public func bound(toRequestID requestID: String, tenantID: String? = nil) -> Logger {
    var logger = self
    logger.requestID = requestID
    logger.tenantID = tenantID
    return logger
  }

  /// Writes one line.
  ///
  /// - Parameters:
  ///   - error: its type and description become `errorType` and `errorMessage`.
  ///   - fields: structured fields beside the message.
  public func log(
    _ level: Level, _ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]
  ) {
    guard level >= self.level else { return }
    let now = Date()
    var fields = fields
    if let error {
      fields["errorType"] = .string("\(type(of: error))")
      fields["errorMessage"] = .string("\(error)")
    }
    let line =
      switch format {
      case .json: json(level, message(), fields, at: now)
      case .text: text(level, message(), fields, at: now)
      }
    sink.write(line, level: level, format: format, at: now)
  }

  private func json(_ level: Level, _ message: String, _ fields: [String: Value], at now: Date) -> String {
    var object = fields
    object["timestamp"] = .string(now.millisecondTimestamp)
    object["level"] = .string(level.name)
    object["message"] = .string(message)
    object["requestId"] = requestID.map { .string($0) }
    object["tenantId"] = tenantID.map { .string($0) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // A number that JSON cannot hold must not cost the line.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    let data = (try? encoder.encode(object)) ?? Data()
    return String(decoding: data, as: UTF8.self)
  }

  private func text(_ level: Level, _ message: String, _ fields: [String: Value], at now: Date) -> String {
    var columns = [now.millisecondTimestamp]
    if let requestID { columns.append(requestID) }
    columns.append(level.name)
    columns.append(message)
    if let tenantID { columns.append("tenantId=\(tenantID)") }
    columns += fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return columns.map(\.escapingControlCharacters).joined(separator: "\t")
  }
}

extension Logger {
  /// Writes a line of level TRACE.
  public func trace(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.trace, message(), error: error, fields)
  }
  /// Writes a line of level DEBUG.
  public func debug(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.debug, message(), error: error, fields)
  }
  /// Writes a line of level INFO.
  public func info(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.info, message(), error: error, fields)
  }
  /// Writes a line of level WARN.
  public func warn(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.warn, message(), error: error, fields)
  }
  /// Writes a line of level ERROR.
  public func error(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.error, message(), error: error, fields)
  }
  /// Writes a line of level FATAL.
  public func fatal(_ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: [String: Value] = [:]) {
    log(.fatal, message(), error: error, fields)
  }
}

extension Logger.Value: Encodable, CustomStringConvertible, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// The value as it stands in a text line.
  public var description: String {
    switch self {
    case .string(let value): value
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    }
  }

  /// Makes a string of a literal.
  public init(stringLiteral value: String) { self = .string(value) }

  /// Makes an integer of a literal.
  public init(integerLiteral value: Int) { self = .int(value) }

  /// Encodes the value alone.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .string(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    }
  }
}

extension Date {
  /// As JavaScript's `toISOString` prints it: UTC, three digits of milliseconds.
  fileprivate var millisecondTimestamp: String {
    formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}

extension String {
  /// The text with control characters, line ends among them, as JSON would escape them.
  fileprivate var escapingControlCharacters: String {
    guard unicodeScalars.contains(where: \.endsOrControlsALine) else { return self }
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\n": escaped += "\\n"
      case "\r": escaped += "\\r"
      case "\t": escaped += "\\t"
      case _ where scalar.endsOrControlsALine:
        let hex = String(scalar.value, radix: 16)
        escaped += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension Unicode.Scalar {
  /// C0 and C1 controls, and the two separators that also end a line.
  fileprivate var endsOrControlsALine: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
  }
}
