import EventLoop
import HTTP
import Synchronization

/// Sends a streamed response to the Runtime API.
final class StreamDelivery: Sendable {
  private let context: InvocationContext
  private let answer: AnswerOnce
  private let client: RuntimeAPIClient
  // The invocation's loop: a writer may run on another executor.
  private let loop = EventLoop.current
  private let task = Mutex<Task<Void, any Error>?>(nil)

  init(_ context: InvocationContext, _ answer: AnswerOnce, _ client: RuntimeAPIClient) {
    self.context = context
    self.answer = answer
    self.client = client
  }

  /// Starts to send, which claims the answer.
  ///
  /// - Throws: `CancellationError` if the invocation is already answered.
  func start(_ head: ResponseHead, _ body: BodyStream) throws {
    guard answer.claim() else { throw CancellationError() }
    try body.append(head.prelude)
    task.withLock {
      $0 = Task(executorPreference: loop) { [client, context] in
        try await client.stream(
          to: context.requestID, contentType: head.contentType, body, within: context.remainingTime)
      }
    }
  }

  /// Waits until the service has accepted the response.
  func wait() async throws { try await task.withLock { $0 }?.value }
}
