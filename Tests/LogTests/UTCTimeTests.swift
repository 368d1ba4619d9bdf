import Foundation
import Testing

@testable import Log

struct UTCTimeTests {
  @Test(
    "Times are written as JavaScript and as signatures write them",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z", "19700101T000000Z"),
      (951_782_399_999, "2000-02-28T23:59:59.999Z", "20000228T235959Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z", "20000229T000000Z"),
      (1_764_086_666_007, "2025-11-25T16:04:26.007Z", "20251125T160426Z"),
      (253_402_300_799_999, "9999-12-31T23:59:59.999Z", "99991231T235959Z"),
    ])
  func texts(milliseconds: Int, text: String, basicText: String) {
    #expect(UTCTime.text(milliseconds: milliseconds) == text)
    #expect(UTCTime.basicText(seconds: milliseconds / 1000) == basicText)
    #expect(UTCTime.milliseconds(text) == milliseconds)
  }

  @Test("A day of each month of four centuries is written and read as by Foundation")
  func days() throws {
    let style = Date.ISO8601FormatStyle()
    for day in stride(from: 0, to: 400 * 366, by: 13) {
      let seconds = day * 86_400 + day % 86_400
      let text = Date(timeIntervalSince1970: Double(seconds)).formatted(style)
      #expect(UTCTime.text(milliseconds: seconds * 1000) == text.dropLast() + ".000Z")
      #expect(UTCTime.milliseconds(text) == seconds * 1000)
    }
  }

  @Test(
    "A time may have a fraction and an offset",
    arguments: [
      ("2025-11-25T16:04:26Z", 0), ("2025-11-25T16:04:26.5Z", 500), ("2025-11-25T16:04:26.1234567Z", 123),
      ("2025-11-25T17:04:26+01:00", 0), ("2025-11-25T17:04:26+0100", 0), ("2025-11-25T10:34:26.001-05:30", 1),
      ("2025-11-26T01:04:26+09:00", 0),
    ])
  func forms(text: String, fraction: Int) {
    #expect(UTCTime.milliseconds(text) == 1_764_086_666_000 + fraction)
  }

  @Test(
    "Other texts and dates that do not exist are refused",
    arguments: [
      "", "2025", "2025-11-25", "2025-11-25T16:04:26", "2025-11-25 16:04:26Z", "2025-11-25T16:04Z",
      "2025-11-25T16:04:26.Z",
      "2025-11-25T16:04:26ZZ", "2025-11-25T16:04:26+1", "2025-11-25T16:04:26+24:00", "2025-11-25T16:04:26-01:60",
      "2025-02-29T00:00:00Z", "2025-04-31T00:00:00Z", "2025-00-01T00:00:00Z", "2025-13-01T00:00:00Z",
      "2025-01-00T00:00:00Z",
      "2025-01-32T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z", "2025-01-01T00:00:60Z",
      "1969-12-31T23:59:59Z",
      "0000-00-00T00:00:00Z", "+025-11-25T16:04:26Z", "２０２５-11-25T16:04:26Z", "2025-11-25T16:04:26.000Z ",
    ])
  func refused(text: String) {
    #expect(UTCTime.milliseconds(text) == nil)
  }
}
