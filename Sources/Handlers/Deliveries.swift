/// The delivery to large rooms by a function of its own.
public struct Deliveries: Sendable {
  /// Invokes the function `deliver` asynchronously with an event, JSON.
  public typealias Invoke = @Sendable (_ event: [UInt8]) async throws -> Void

  let store: any DeliveryStore
  let directLimit: Int
  let postsPerSecond: Int
  let invoke: Invoke
  /// The rooms that were large a moment ago: a message to one does not read thousands of rows to find that out.
  let largeRooms = RecentValues<Void>()

  /// Creates the services.
  ///
  /// - Parameters:
  ///   - store: queues, leases, rounds.
  ///   - directLimit: the most people in a room that a message's own invocation serves.
  ///   - postsPerSecond: the posts a second of all deliveries together.
  ///   - invoke: invokes the function `deliver`.
  public init(
    store: any DeliveryStore, directLimit: Int = ChatConfiguration.defaultDirectLimit,
    postsPerSecond: Int = ChatConfiguration.defaultPostsPerSecond, invoke: @escaping Invoke
  ) {
    self.store = store
    self.directLimit = directLimit
    self.postsPerSecond = postsPerSecond
    self.invoke = invoke
  }
}
