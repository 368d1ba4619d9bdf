import CCurl
import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// libcurl's multi handle on an event loop: the transfers of all transports of that loop, and their connections.
///
/// Used on the loop's thread only. Tells libcurl which sockets are ready (`curl_multi_socket_action`), because
/// `curl_multi_perform` tries every transfer in each call: with 64 transfers, that takes a fifth of the CPU.
///
/// <https://curl.se/libcurl/c/libcurl-multi.html>, <https://curl.se/libcurl/c/curl_multi_socket_action.html>
final class CurlMulti {
  /// The sockets that libcurl has open.
  let sockets = OpenSockets()
  private let multi: UnsafeMutableRawPointer
  private unowned let loop: EventLoop
  private var timer: LoopTimer?
  private var completions: [UnsafeMutableRawPointer: (CURLcode) -> Void] = [:]
  private var handler: ((Int32, Int32) -> Void)?
  /// When a time-out last dropped the idle connections.
  private var lastDrop: ContinuousClock.Instant?

  /// The multi handle of a loop.
  static func of(_ loop: EventLoop) -> CurlMulti {
    loop.resource { CurlMulti($0, maximumConnections: CurlTransport.maximumConnections) }
  }

  private init(_ loop: EventLoop, maximumConnections: Int) {
    // Both fail only if there is no memory.
    guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let multi = curl_multi_init() else {
      fatalError("libcurl cannot be initialized")
    }
    self.multi = multi
    self.loop = loop
    curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maximumConnections)
    // The default is four for each running transfer: between two bursts all but a few would be closed.
    curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumConnections)
    timer = loop.addTimer { [unowned self] in act(on: CURL_SOCKET_TIMEOUT, 0) }
    handler = { [unowned self] socket, events in process(socket: socket, events: events) }
    let this = Unmanaged.passUnretained(self).toOpaque()
    let onSocket: curl_socket_callback = { _, socket, activity, this, _ in
      CurlMulti.from(this)?.watch(socket, for: activity)
      return 0
    }
    curl_multi_set_socket_callback(multi, onSocket, this)
    let onTimer: curl_multi_timer_callback = { _, milliseconds, this in
      CurlMulti.from(this)?.timer?.due = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
      return 0
    }
    curl_multi_set_timer_callback(multi, onTimer, this)
  }

  deinit {
    // Detach the callbacks first: cleanup closes sockets and would call back into `self`.
    curl_multi_set_socket_callback(multi, nil, nil)
    curl_multi_set_timer_callback(multi, nil, nil)
    curl_multi_cleanup(multi)
  }

  private static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlMulti? {
    pointer.map { Unmanaged<CurlMulti>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Starts a transfer.
  ///
  /// - Parameter completion: called with the result, unless `stop` comes first.
  func start(_ easy: UnsafeMutableRawPointer, completion: @escaping (CURLcode) -> Void) {
    guard curl_multi_add_handle(multi, easy) == CURLM_OK else { return completion(CURLE_FAILED_INIT) }
    completions[easy] = completion
  }

  /// Ends a running transfer and closes its connection.
  func stop(_ easy: UnsafeMutableRawPointer) {
    curl_multi_remove_handle(multi, easy)
    completions[easy] = nil
  }

  /// Makes libcurl drop the idle connections to all hosts before it reuses one: for a request that timed out on a kept
  /// connection. After a freeze of the sandbox, each may be closed without libcurl knowing it.
  ///
  /// - Parameter start: when the request was sent. Does nothing if connections were dropped since then: requests that
  ///   time out together drop them once.
  func dropIdleConnections(keptBefore start: ContinuousClock.Instant) {
    if let lastDrop, lastDrop >= start { return }
    lastDrop = .now
    for socket in sockets.all where !loop.isWatched(socket) {
      // libcurl peeks at a socket before it reuses a connection, and finds the end there. Only the reading side is shut
      // down, so that a TLS close alert cannot raise SIGPIPE.
      _ = shutdown(socket, Int32(SHUT_RD))
    }
  }

  private func process(socket: Int32, events: Int32) {
    // Mapped as in libcurl's own poll: a hangup or an error shows when the socket is read or written.
    act(
      on: socket,
      (events & (POLLIN | POLLERR | POLLHUP) != 0 ? CURL_CSELECT_IN : 0)
        | (events & (POLLOUT | POLLERR | POLLHUP) != 0 ? CURL_CSELECT_OUT : 0)
        | (events & POLLNVAL != 0 ? CURL_CSELECT_ERR : 0))
  }

  private func act(on socket: Int32, _ readiness: Int32) {
    var count: Int32 = 0
    curl_multi_socket_action(multi, socket, readiness, &count)
    while let message = curl_multi_info_read(multi, &count) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      // Read before the handle is removed, which frees the message.
      let result = curl_message_result(message)
      curl_multi_remove_handle(multi, easy)
      completions.removeValue(forKey: easy)?(result)
    }
  }

  private func watch(_ socket: Int32, for activity: Int32) {
    let events = (activity & CURL_POLL_IN != 0 ? POLLIN : 0) | (activity & CURL_POLL_OUT != 0 ? POLLOUT : 0)
    loop.watch(socket, for: Int32(events), handler: handler)
  }
}
