import JSON

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Writes log lines in the formats of AWS's own Lambda runtimes: text or JSON.
///
/// Invisible characters are escaped, so a message is always one line. The caller must not pass payloads or credentials.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>
public struct Logger: Sendable {
  /// Severity levels, named as in `AWS_LAMBDA_LOG_LEVEL`.
  public enum Level: Int, Sendable, Comparable, CaseIterable {
    /// The steps of a computation.
    case trace = 1
    /// Details for the search for an error.
    case debug
    /// Events of normal operation.
    case info
    /// A problem that was handled.
    case warn
    /// A request that failed.
    case error
    /// The end of the process.
    case fatal

    /// Returns the level of a name in any case; `WARNING` and `CRITICAL` are accepted as well.
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

    /// Orders by severity.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// The format of a line.
  public enum Format: Sendable {
    /// Timestamp, request id, level, message and `name=value` fields, separated by tabs.
    case text
    /// One JSON object.
    case json
  }

  /// The lowest level that is written.
  public let level: Level
  /// The format of the lines.
  public let format: Format
  let sink: LogSink
  private(set) var requestID: String?
  private var tenantID: String?
  /// The time until which a line may wait for the log's reader.
  private var end: ContinuousClock.Instant?

  /// Creates a logger.
  public init(level: Level = .info, format: Format = .text, sink: LogSink = .standardError) {
    self.level = level
    self.format = format
    self.sink = sink
  }

  /// Creates the logger that the environment describes: `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL` (or
  /// `LOG_LEVEL`), `_LAMBDA_TELEMETRY_LOG_FD`. An unknown value, or a descriptor that is not open, counts as unset.
  public init(environment: [String: String]) {
    let level = environment["AWS_LAMBDA_LOG_LEVEL"] ?? environment["LOG_LEVEL"]
    self.init(
      level: level.flatMap(Level.init(name:)) ?? .info,
      format: environment["AWS_LAMBDA_LOG_FORMAT"]?.uppercased() == "JSON" ? .json : .text,
      sink: environment["_LAMBDA_TELEMETRY_LOG_FD"].flatMap { Int32($0) }.flatMap { isOpen($0) ? .telemetry($0) : nil }
        ?? .standardError
    )
  }

  /// Returns a logger whose lines carry an invocation's request id.
  ///
  /// - Parameters:
  ///   - requestID: The invocation's id.
  ///   - tenantID: The tenant of a function with tenant isolation.
  ///   - end: The time until which a line may wait for the log's reader; it is dropped and counted afterwards.
  public func bound(
    toRequestID requestID: String, tenantID: String? = nil, writingUntil end: ContinuousClock.Instant? = nil
  ) -> Logger {
    var logger = self
    logger.requestID = requestID
    logger.tenantID = tenantID
    logger.end = end
    return logger
  }

  /// Writes one line.
  ///
  /// - Parameters:
  ///   - level: The severity; a line below the logger's level is not written.
  ///   - message: A sentence, which is not evaluated for such a line.
  ///   - error: An error; its type and description become `errorType` and `errorMessage`.
  ///   - fields: Structured fields beside the message.
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
    write(line(level, message(), fields, at: now), level: level, format: format, at: now)
  }

  /// Writes a finished line at any level.
  func write(_ line: String, level: Level, format: Format, at now: Date) {
    sink.write(line, level: level, format: format, at: now, until: end) { dropped in
      self.line(
        .warn, "Log lines were dropped, because the log's reader did not read them in time.",
        ["dropped": .int(dropped)], at: now)
    }
  }

  private func line(_ level: Level, _ message: String, _ fields: [String: Value], at now: Date) -> String {
    switch format {
    case .json: json(level, message, fields, at: now)
    case .text: text(level, message, fields, at: now)
    }
  }

  private func json(_ level: Level, _ message: String, _ fields: [String: Value], at now: Date) -> String {
    var object = fields
    object["timestamp"] = .string(now.millisecondTimestamp)
    object["level"] = .string(level.name)
    object["message"] = .string(message)
    object["requestId"] = requestID.map { .string($0) }
    object["tenantId"] = tenantID.map { .string($0) }
    var text = JSONObjectText()
    for (name, value) in object.sorted(by: { $0.key < $1.key }) {
      switch value {
      case .string(let value): text.add(name, value)
      case .int(let value): text.add(name, value)
      case .double(let value): text.add(name, value)
      }
    }
    return String(decoding: text.bytes, as: UTF8.self).escapingInvisibleCharacters
  }

  private func text(_ level: Level, _ message: String, _ fields: [String: Value], at now: Date) -> String {
    var columns = [now.millisecondTimestamp]
    if let requestID { columns.append(requestID) }
    columns.append(level.name)
    columns.append(message)
    if let tenantID { columns.append("tenantId=\(tenantID)") }
    columns += fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return columns.map(\.escapingInvisibleCharacters).joined(separator: "\t")
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

extension Date {
  fileprivate var millisecondTimestamp: String {
    UTCTime.text(milliseconds: milliseconds)
  }
}
