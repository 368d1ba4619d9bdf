import Foundation
import Testing

@testable import Log

/// The line that a signal handler writes before it ends the process.
@Suite struct LastLineTests {
  private let id = "8f3a-1b"

  /// The bytes that are written with a prepared line, and by a logger with the same message.
  private func written(_ format: Logger.Format, isFrame: Bool) throws -> (last: [UInt8], logger: [UInt8]) {
    var results: [[UInt8]] = []
    for isLast in [true, false] {
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      let sink: LogSink = isFrame ? .telemetry(ends[1]) : .lines(ends[1])
      let logger = Logger(format: format, sink: sink)
      if isLast {
        let line = logger.lastLine("The process ends.", errorType: "A.B", errorMessage: "Why.")
        Array(id.utf8).withUnsafeBufferPointer { line.write($0) }
      } else {
        logger.bound(toRequestID: id).fatal(
          "The process ends.", ["errorType": .string("A.B"), "errorMessage": .string("Why.")])
      }
      close(ends[1])
      var bytes = [UInt8](repeating: 0, count: 4096)
      bytes.removeLast(4096 - read(ends[0], &bytes, 4096))
      close(ends[0])
      results.append(bytes)
    }
    return (results[0], results[1])
  }

  private func withoutTime(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self).replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, with: "TIME")
  }

  @Test("Is the logger's own line, as text")
  func text() throws {
    let (last, logger) = try written(.text, isFrame: false)
    #expect(withoutTime(last) == "TIME\t8f3a-1b\tFATAL\tThe process ends.\terrorMessage=Why.\terrorType=A.B\n")
    #expect(withoutTime(last) == withoutTime(logger))
  }

  @Test("Has the logger's own fields, as JSON")
  func json() throws {
    let (last, logger) = try written(.json, isFrame: false)
    func fields(_ bytes: [UInt8]) throws -> [String: String] {
      var fields = try JSONDecoder().decode([String: String].self, from: Data(bytes))
      #expect(withoutTime((fields.removeValue(forKey: "timestamp") ?? "").utf8) == "TIME")
      return fields
    }
    #expect(try fields(last) == fields(logger))
  }

  @Test("Is a frame of the logger's own type, with the present time", arguments: [Logger.Format.text, .json])
  func frame(format: Logger.Format) throws {
    let (last, logger) = try written(format, isFrame: true)
    #expect(last.prefix(4) == logger.prefix(4))
    let length = last[4..<8].reduce(0) { $0 << 8 | Int($1) }
    #expect(length == last.count - 16)
    let microseconds = last[8..<16].reduce(0) { $0 << 8 | Int($1) }
    #expect(abs(Double(microseconds) / 1_000_000 - Date().timeIntervalSince1970) < 3600)
    #expect(withoutTime(last.dropFirst(16)).contains("TIME"))
  }

  @Test("The time is the present one")
  func time() throws {
    let text = try #require(String(bytes: written(.text, isFrame: false).last, encoding: .utf8))
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let time = try Date(String(text.prefix(24)), strategy: style)
    #expect(abs(time.timeIntervalSinceNow) < 3600)
  }
}
