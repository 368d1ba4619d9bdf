import EventLoop

/// The idle handles of a transport. Created anywhere, used on the loop's thread only.
final class CurlHandlePool: @unchecked Sendable {
  let settings: CurlHandle.Settings
  private let sessions = TLSSessions()
  private var idle: [CurlHandle] = []
  private var multi: CurlMulti?

  init(_ settings: CurlHandle.Settings) { self.settings = settings }

  /// The multi handle of the transport's loop.
  func multi(_ loop: EventLoop) -> CurlMulti {
    if let multi { return multi }
    let multi = CurlMulti.of(loop)
    self.multi = multi
    return multi
  }

  /// Removes an idle handle, or creates one.
  ///
  /// - Returns: `nil` if there is no memory.
  func checkOut(_ multi: CurlMulti) -> CurlHandle? { idle.popLast() ?? makeHandle(multi) }

  /// Creates a handle outside the pool; `checkIn` would add it.
  ///
  /// - Returns: `nil` if there is no memory.
  func makeHandle(_ multi: CurlMulti) -> CurlHandle? { CurlHandle(sessions, multi.sockets, settings) }

  func checkIn(_ handle: CurlHandle) { idle.append(handle) }

  func empty() {
    idle = []
    multi = nil
  }
}
