import EventLoop
import Foundation
import HTTP
import Log
import Synchronization
import Testing

@testable import RuntimeClient

/// `--serve` on a real socket.
@Suite(.timeLimit(.minutes(10)))
struct InvokeServerTests {
  @Test("Events are answered byte for byte, the largest ones too")
  func echoes() async throws {
    let server = InvokeServerHarness { payload, _ in payload }
    for size in [2, 100_000, 6_291_456] {
      let event = [0x22] + [UInt8](repeating: 0x61, count: size - 2) + [0x22]
      let response = try await server.send(event)
      #expect(response.status == 200)
      #expect(response.body == event)
    }
    try await server.stop()
  }

  @Test("Invocations run one at a time, in order")
  func sequential() async throws {
    struct Count { var now = 0, most = 0, all = 0 }
    let count = Mutex(Count())
    let server = InvokeServerHarness { payload, _ in
      count.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
        $0.all += 1
      }
      try await Task.sleep(for: .milliseconds(5))
      count.withLock { $0.now -= 1 }
      return payload
    }
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<20 { group.addTask { try await server.send(Array("{}".utf8)).status } }
      for try await status in group { #expect(status == 200) }
    }
    #expect(count.withLock { $0.most } == 1)
    #expect(count.withLock { $0.all } == 20)
    try await server.stop()
  }

  @Test("An Event invocation is accepted before it is handled, and handled before the next one")
  func event() async throws {
    let events = Mutex<[String]>([])
    let server = InvokeServerHarness { payload, _ in
      events.withLock { $0.append(String(decoding: payload, as: UTF8.self)) }
      return payload
    }
    #expect(try await server.send(Array("1".utf8), ["X-Amz-Invocation-Type": "Event"]).status == 202)
    #expect(try await server.send(Array("2".utf8)).status == 200)
    #expect(events.withLock { $0 } == ["1", "2"])
    try await server.stop()
  }

  @Test("A handler's error is the response; the server continues")
  func error() async throws {
    let server = InvokeServerHarness { payload, _ in
      if payload.count > 1 { throw FunctionError(type: "A", message: "m") }
      return payload
    }
    let failed = try await server.send(Array("10".utf8))
    #expect(failed.headers["X-Amz-Function-Error"] == "Unhandled")
    #expect(String(decoding: failed.body, as: UTF8.self).contains(#""errorType":"A""#))
    #expect(try await server.send(Array("1".utf8)).headers["X-Amz-Function-Error"] == nil)
    try await server.stop()
  }

  @Test("A web page's request is refused and invokes nothing")
  func webPage() async throws {
    let isInvoked = Mutex(false)
    let server = InvokeServerHarness { payload, _ in
      isInvoked.withLock { $0 = true }
      return payload
    }
    #expect(try await server.send(Array("1".utf8), ["Origin": "http://evil.example"]).status == 403)
    #expect(!isInvoked.withLock { $0 })
    try await server.stop()
  }
}
