import EventLoop
import Foundation
import HTTP
import Log
import Synchronization
import Testing

@testable import RuntimeClient

/// A server on an event loop and thread of its own.
final class InvokeServerHarness: Sendable {
  private struct State {
    var port: UInt16?
    var task: Task<Void, Never>?
    var isEnded = false
  }

  private let state = Mutex(State())

  convenience init(_ handler: @escaping Runtime.Handler) { self.init(.buffered(handler)) }

  init(_ handler: FunctionHandler) {
    let function = LocalFunction(
      function: LambdaFunction(name: "f"), timeout: .seconds(60), logger: Logger(sink: .function { _ in }),
      handler: handler)
    Thread.detachNewThread { [self] in
      EventLoop().run { [self] in
        guard let server = try? InvokeServer(port: 0, function: function) else { return }
        let task = Task(executorPreference: EventLoop.current) { await server.run() }
        state.withLock {
          $0.port = server.port
          $0.task = task
        }
        await task.value
      }
      state.withLock { $0.isEnded = true }
    }
  }

  var url: URL {
    get async throws {
      while true {
        if let port = state.withLock({ $0.port }) {
          return try #require(URL(string: "http://127.0.0.1:\(port)\(InvokeAPI.path)"))
        }
        try await Task.sleep(for: .milliseconds(2))
      }
    }
  }

  var port: UInt16 {
    get async throws { UInt16(try await url.port ?? 0) }
  }

  func send(_ body: [UInt8], _ headers: HTTPHeaders = [:]) async throws -> HTTPResponse {
    var request = HTTPRequest(method: .post, url: try await url, headers: headers, body: body)
    request.maximumResponseBytes = 8_000_000
    return try await CurlTransport().send(request)
  }

  /// Cancels the server and waits for its end.
  func stop() async throws {
    state.withLock { $0.task }?.cancel()
    while !state.withLock({ $0.isEnded }) { try await Task.sleep(for: .milliseconds(2)) }
  }
}
