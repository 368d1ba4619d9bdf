import Foundation
import Log
import Synchronization
import Testing

struct MetricsTests {
  @Test("A line is in CloudWatch's embedded metric format, in either log format and at any level")
  func line() throws {
    struct Line: Decodable {
      struct Header: Decodable {
        struct Directive: Decodable {
          struct Definition: Decodable { let Name: String, Unit: String }
          let Namespace: String, Dimensions: [[String]], Metrics: [Definition]
        }
        let Timestamp: Int64, CloudWatchMetrics: [Directive]
      }
      let _aws: Header
      let FunctionName: String, requestId: String, Reached: Double, BroadcastTime: Double
    }
    let lines = Mutex<[String]>([])
    let logger = Logger(level: .fatal, format: .text, sink: .function { line in lines.withLock { $0.append(line) } })
    Metrics(namespace: "Chat", functionName: "message").write(
      [.init("Reached", .count, 3), .init("BroadcastTime", .milliseconds, 12.5)],
      to: logger.bound(toRequestID: "id-1"))
    let text = try #require(lines.withLock { $0.first })
    let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
    let directive = try #require(line._aws.CloudWatchMetrics.first)
    #expect(directive.Namespace == "Chat")
    #expect(directive.Dimensions == [["FunctionName"]])
    #expect(directive.Metrics.map(\.Name) == ["Reached", "BroadcastTime"])
    #expect(directive.Metrics.map(\.Unit) == ["Count", "Milliseconds"])
    #expect(abs(Date().timeIntervalSince1970 - Double(line._aws.Timestamp) / 1000) < 60)
    #expect(line.FunctionName == "message")
    #expect(line.requestId == "id-1")
    #expect(line.Reached == 3)
    #expect(line.BroadcastTime == 12.5)
  }
}
