import Foundation
import Log
import Synchronization

@testable import AWS
@testable import Handlers

/// A table in memory.
final class MemoryStore: ConnectionStore {
  struct State {
    var rows: [Connection] = []
    /// How long a page takes to come.
    var pageTime = Duration.zero
    /// What is thrown for the page of that number, counted from 1.
    var pageFailures: [Int: any Error] = [:]
    var pagesRead = 0
    var removeError: (any Error)?
    var addError: (any Error)?
  }

  let state: Mutex<State>
  private let pageSize: Int

  init(_ rows: [Connection], pageSize: Int = 100) {
    state = Mutex(State(rows: rows))
    self.pageSize = pageSize
  }

  /// Connections `c0`, `c1`, … that were opened an hour ago.
  convenience init(count: Int, pageSize: Int = 100) {
    self.init((0..<count).map { .old("c\($0)") }, pageSize: pageSize)
  }

  var connectionIDs: [String] { state.withLock { $0.rows.map(\.connectionID) } }
  var pagesRead: Int { state.withLock { $0.pagesRead } }

  func add(_ connection: Connection) async throws {
    try state.withLock { state in
      if let error = state.addError { throw error }
      state.rows.removeAll { $0.connectionID == connection.connectionID }
      state.rows.append(connection)
    }
  }

  func remove(connectionID: String) async throws {
    try state.withLock { state in
      if let error = state.removeError { throw error }
      state.rows.removeAll { $0.connectionID == connectionID }
    }
  }

  func removeIfUnchanged(_ connection: Connection) async throws {
    try state.withLock { state in
      if let error = state.removeError { throw error }
      state.rows.removeAll { $0 == connection }
    }
  }

  func page(after connectionID: String?) async throws -> ConnectionPage {
    let (time, number) = state.withLock { state in
      state.pagesRead += 1
      return (state.pageTime, state.pagesRead)
    }
    if time > .zero { try await Task.sleep(for: time) }
    return try state.withLock { state in
      if let error = state.pageFailures[number] { throw error }
      let start = connectionID.flatMap { id in state.rows.firstIndex { $0.connectionID == id }.map { $0 + 1 } } ?? 0
      let page = state.rows[start...].prefix(pageSize)
      return ConnectionPage(Array(page), next: page.endIndex < state.rows.count ? page.last?.connectionID : nil)
    }
  }
}

/// Sockets in memory.
final class MemoryGateway: ConnectionGateway {
  struct State {
    var delivered: [String: Int] = [:]
    var messages: Set<[UInt8]> = []
    var attempts: [String: Int] = [:]
    var inFlight = 0
    var mostInFlight = 0
  }

  typealias Answer = @Sendable (_ connectionID: String, _ attempt: Int) async throws -> Void

  let state = Mutex(State())
  private let answer: Answer

  /// - Parameter answer: throws what a post to that connection throws; the attempts are counted from 1.
  init(_ answer: @escaping Answer = { _, _ in }) { self.answer = answer }

  var delivered: [String: Int] { state.withLock { $0.delivered } }
  var attempts: [String: Int] { state.withLock { $0.attempts } }

  func post(_ message: [UInt8], to connectionID: String) async throws {
    let attempt = state.withLock { state in
      state.attempts[connectionID, default: 0] += 1
      state.inFlight += 1
      state.mostInFlight = max(state.mostInFlight, state.inFlight)
      return state.attempts[connectionID] ?? 0
    }
    defer { state.withLock { $0.inFlight -= 1 } }
    try await answer(connectionID, attempt)
    state.withLock { state in
      state.delivered[connectionID, default: 0] += 1
      state.messages.insert(message)
    }
  }
}

/// Log lines, kept.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  func logger(level: Logger.Level = .info) -> Logger {
    Logger(level: level, sink: .function { line in self.lines.withLock { $0.append(line) } })
  }
}

extension Connection {
  /// A row of an hour ago.
  static func old(_ connectionID: String) -> Connection {
    Connection(connectionID: connectionID, openedAt: Date(timeIntervalSinceNow: -3600))
  }
}

extension AWSError {
  /// What @connections answers to the last attempt.
  static func answer(_ status: Int, _ code: String) -> AWSError {
    AWSError(
      service: "ApiGatewayManagementApi", operation: "PostToConnection",
      response: .init(status: status, body: Array(#"{"__type":"\#(code)","message":"No."}"#.utf8)))
  }
}

struct Refused: Error {}

/// An event of the message route.
func event(body: String?, isBase64Encoded: Bool? = false) throws -> WebSocketEvent {
  struct Event: Encodable {
    var requestContext = [
      "connectionId": "sender=", "eventType": "MESSAGE", "domainName": "a.example", "stage": "prod",
    ]
    let body: String?
    let isBase64Encoded: Bool?
  }
  return try WebSocketEvent(
    json: [UInt8](JSONEncoder().encode(Event(body: body, isBase64Encoded: isBase64Encoded))))
}
