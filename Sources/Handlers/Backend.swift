import Log
import WebSocketAPI

/// The chat, the gateway of its stage, and the log of one invocation.
struct Backend: Sendable {
  let chat: Chat
  let gateway: any ConnectionGateway
  let logger: Logger

  /// A broadcast by this invocation's gateway.
  func broadcast(isPruning: Bool = true) -> Broadcast {
    Broadcast(store: chat.connections, gateway: gateway, concurrency: chat.concurrency, isPruning: isPruning)
  }
}
