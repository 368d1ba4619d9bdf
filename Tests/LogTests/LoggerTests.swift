import Foundation
import Synchronization
import Testing

@testable import Log

struct LoggerTests {
  private final class Lines: Sendable {
    let lines = Mutex<[String]>([])
    var sink: LogSink { .function { line in self.lines.withLock { $0.append(line) } } }
    var all: [String] { lines.withLock { $0 } }
  }

  private struct Mishap: Error, CustomStringConvertible { let description = "went wrong\nbadly" }

  private static var timestamp: Regex<Substring> { /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/ }

  @Test("A JSON line has the names that AWS's runtimes use, and the fields")
  func json() throws {
    struct Line: Decodable {
      let timestamp: String, level: String, message: String, requestId: String, tenantId: String
      let errorType: String, errorMessage: String, count: Int, ratio: Double
    }
    let lines = Lines()
    let logger = Logger(format: .json, sink: lines.sink).bound(toRequestID: "id-1", tenantID: "t")
    logger.error("said \"so\"", error: Mishap(), ["count": 3, "ratio": .double(0.5)])
    let line = try JSONDecoder().decode(Line.self, from: Data(try #require(lines.all.first).utf8))
    #expect(line.timestamp.wholeMatch(of: Self.timestamp) != nil)
    #expect(line.level == "ERROR")
    #expect(line.message == "said \"so\"")
    #expect(line.requestId == "id-1")
    #expect(line.tenantId == "t")
    #expect(line.errorType == "Mishap")
    #expect(line.errorMessage == "went wrong\nbadly")
    #expect(line.count == 3)
    #expect(line.ratio == 0.5)
  }

  @Test("A text line has timestamp, request id, level, message and fields between tabs")
  func text() throws {
    let lines = Lines()
    Logger(sink: lines.sink).bound(toRequestID: "id-1").warn("careful", ["b": 2, "a": "x"])
    let columns = try #require(lines.all.first).split(separator: "\t").map(String.init)
    #expect(columns.first?.wholeMatch(of: Self.timestamp) != nil)
    #expect(columns.dropFirst() == ["id-1", "WARN", "careful", "a=x", "b=2"])
  }

  @Test(
    "Line breaks, control characters and invisible characters of a message are escaped",
    arguments: [Logger.Format.text, .json],
    [
      "a\nb", "a\r\nb", "a\tb", "a\u{0}b", "a\u{1B}[2Jb", "a\u{85}b", "a\u{9B}b", "a\u{2028}b", "a\u{2029}b",
      "a\u{7F}b", "a\u{202E}b", "a\u{202A}b", "a\u{2066}b", "a\u{2069}b", "a\u{200E}b", "a\u{200F}b", "a\u{61C}b",
      "a\u{200B}b", "a\u{200D}b", "a\u{2060}b", "a\u{FEFF}b", "a\u{AD}b", "a\u{180E}b", "a\u{FFF9}b", "a\u{E0041}b",
      "a\u{3164}b", "a\u{FE0F}b", "a\u{E000}b", "a\u{10FFFF}b", "a\u{1D173}b",
    ])
  func escapes(format: Logger.Format, message: String) throws {
    let lines = Lines()
    Logger(format: format, sink: lines.sink).info(message)
    let line = try #require(lines.all.first)
    #expect(line.utf8.filter { $0 != UInt8(ascii: "\t") }.allSatisfy { (0x20..<0x7F).contains($0) }, "\(line)")
    guard format == .json else { return }
    struct Line: Decodable { let message: String }
    #expect(try JSONDecoder().decode(Line.self, from: Data(line.utf8)).message == message)
  }

  @Test("Letters of any script, punctuation and emoji stay readable", arguments: [Logger.Format.text, .json])
  func readable(format: Logger.Format) throws {
    let lines = Lines()
    Logger(format: format, sink: lines.sink).info("über 漢字 שלום مرحبا naïve – 🦆 €")
    #expect(try #require(lines.all.first).contains("über 漢字 שלום مرحبا naïve – 🦆 €"))
  }

  @Test("Field names and values are escaped too", arguments: [Logger.Format.text, .json])
  func escapesFields(format: Logger.Format) throws {
    struct Mishap: Error, CustomStringConvertible { let description = "a\u{202E}b" }
    let lines = Lines()
    let logger = Logger(format: format, sink: lines.sink).bound(toRequestID: "i\u{202E}d", tenantID: "t\u{2066}")
    logger.error("m", error: Mishap(), ["k\u{200F}": "v\u{202D}"])
    #expect(try #require(lines.all.first).utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == UInt8(ascii: "\t") })
  }

  @Test("A number that JSON cannot represent is written as a string")
  func notFinite() {
    let lines = Lines()
    Logger(format: .json, sink: lines.sink).info("m", ["a": .double(.infinity), "b": .double(.nan)])
    #expect(lines.all.first?.contains(#""a":"Infinity","b":"NaN""#) == true)
  }

  @Test("Lines below the level are dropped without evaluating their message")
  func level() {
    let lines = Lines()
    let logger = Logger(level: .warn, sink: lines.sink)
    func message() -> String {
      Issue.record("made")
      return ""
    }
    logger.info(message())
    logger.trace(message())
    logger.warn("kept")
    logger.fatal("kept")
    #expect(lines.all.count == 2)
  }

  @Test(
    "The level comes from AWS_LAMBDA_LOG_LEVEL, else LOG_LEVEL, else it is INFO",
    arguments: [
      (["AWS_LAMBDA_LOG_LEVEL": "DEBUG", "LOG_LEVEL": "ERROR"], Logger.Level.debug), (["LOG_LEVEL": "error"], .error),
      (["AWS_LAMBDA_LOG_LEVEL": "nonsense"], .info), ([:], .info), (["LOG_LEVEL": "WARNING"], .warn),
      (["AWS_LAMBDA_LOG_LEVEL": "TRACE"], .trace), (["AWS_LAMBDA_LOG_LEVEL": "FATAL"], .fatal),
    ])
  func environment(environment: [String: String], level: Logger.Level) {
    #expect(Logger(environment: environment).level == level)
  }

  @Test("The format comes from AWS_LAMBDA_LOG_FORMAT", arguments: ["JSON", "json", "Text", ""])
  func format(name: String) {
    let format = Logger(environment: ["AWS_LAMBDA_LOG_FORMAT": name]).format
    #expect(format == (name.uppercased() == "JSON" ? .json : .text))
  }

  @Test(
    "A telemetry frame starts with type (format and level), length and microseconds, all big-endian",
    arguments: [
      (Logger.Format.text, Logger.Level.info, UInt32(0xA55A_000F)), (.text, .fatal, 0xA55A_001B),
      (.json, .debug, 0xA55A_000A), (.json, .error, 0xA55A_0016), (.json, .warn, 0xA55A_0012),
    ])
  func frame(format: Logger.Format, level: Logger.Level, type: UInt32) {
    let frame = LogSink.frame("über", level: level, format: format, at: Date(timeIntervalSince1970: 1_700_000_000.5))
    #expect(Array(frame[0..<4]) == withUnsafeBytes(of: type.bigEndian, Array.init))
    #expect(Array(frame[4..<8]) == [0, 0, 0, 5])
    #expect(Array(frame[8..<16]) == withUnsafeBytes(of: UInt64(1_700_000_000_500_000).bigEndian, Array.init))
    #expect(Array(frame[16...]) == Array("über".utf8))
  }

  @Test("With _LAMBDA_TELEMETRY_LOG_FD each line is one frame on that descriptor")
  func telemetry() throws {
    let pipe = Pipe()
    let logger = Logger(
      environment: ["_LAMBDA_TELEMETRY_LOG_FD": "\(pipe.fileHandleForWriting.fileDescriptor)"])
    logger.info("one")
    logger.info("two\nlines")
    try pipe.fileHandleForWriting.close()
    var rest = [UInt8](try #require(try pipe.fileHandleForReading.readToEnd()))
    var lines: [String] = []
    while rest.count >= 16 {
      let length = rest[4..<8].reduce(0) { $0 << 8 | Int($1) }
      lines.append(String(decoding: rest[16..<16 + length], as: UTF8.self))
      rest.removeFirst(16 + length)
    }
    #expect(lines.count == 2)
    #expect(lines.last?.hasSuffix("INFO\ttwo\\nlines") == true)
  }
}
