/// A loopback port whose queue of connections is full, so that connecting never ends: the system drops each further
/// connection request.
public final class DeafListener: Sendable {
  /// Host and port, as a URL has them.
  public var address: String { "127.0.0.1:\(port)" }

  private let port: UInt16
  private let descriptors: [Int32]

  /// Listens on a free port.
  public init() throws {
    let (listener, port) = try Socket.listen(backlog: 0)
    self.port = port
    // Linux needs one connection to fill the queue, other systems more.
    descriptors = [listener] + (try (0..<4).map { _ in try Socket.connect(port) })
  }

  deinit { descriptors.forEach(Socket.close) }
}
