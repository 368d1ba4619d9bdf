import CCurl

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// libcurl's transfers under way and the sockets that they wait at, on the loop's thread alone.
///
/// libcurl is told which sockets are ready (`curl_multi_socket_action`). To let it find out, by `curl_multi_perform`, would
/// cost a system call for each transfer whenever one of them moves: with 64 of them, a fifth of the CPU.
///
/// <https://curl.se/libcurl/c/libcurl-multi.html>, <https://curl.se/libcurl/c/curl_multi_socket_action.html>
package final class Transfers {
  private let multi: UnsafeMutableRawPointer
  private var completions: [UnsafeMutableRawPointer: (CURLcode) -> Void] = [:]
  /// Where there is something to wait for.
  var descriptors = PollSet()
  /// When libcurl wants to be called for its own timeouts.
  private(set) var due: ContinuousClock.Instant?

  init(maximumConnections: Int) {
    // Both fail for want of memory alone.
    guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let multi = curl_multi_init() else {
      fatalError("libcurl cannot be initialized")
    }
    self.multi = multi
    curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maximumConnections)
    // By default four for each transfer under way: between two bursts all but a few would be closed.
    curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumConnections)
    let this = Unmanaged.passUnretained(self).toOpaque()
    let onSocket: curl_socket_callback = { _, socket, activity, this, _ in
      Transfers.of(this)?.watch(socket, for: activity)
      return 0
    }
    curl_multi_set_socket_callback(multi, onSocket, this)
    let onTimer: curl_multi_timer_callback = { _, milliseconds, this in
      Transfers.of(this)?.due = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
      return 0
    }
    curl_multi_set_timer_callback(multi, onTimer, this)
  }

  deinit {
    // It closes connections, and would tell.
    curl_multi_set_socket_callback(multi, nil, nil)
    curl_multi_set_timer_callback(multi, nil, nil)
    curl_multi_cleanup(multi)
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> Transfers? {
    pointer.map { Unmanaged<Transfers>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Starts a transfer.
  ///
  /// - Parameter completion: gets the result, unless `stop` comes first.
  package func start(_ easy: UnsafeMutableRawPointer, completion: @escaping (CURLcode) -> Void) {
    guard curl_multi_add_handle(multi, easy) == CURLM_OK else { return completion(CURLE_FAILED_INIT) }
    completions[easy] = completion
  }

  /// Ends a transfer that is under way.
  package func stop(_ easy: UnsafeMutableRawPointer) {
    curl_multi_remove_handle(multi, easy)
    completions[easy] = nil
  }

  /// Goes on with those whose time has come.
  func goOn(at now: ContinuousClock.Instant) {
    guard let due, due <= now else { return }
    self.due = nil
    act(on: CURL_SOCKET_TIMEOUT, 0)
  }

  /// Goes on with those of a socket.
  ///
  /// - Parameter events: what `poll` told of it.
  func goOn(at socket: Int32, events: Int32) {
    // As libcurl itself reads them: an end or an error is found by reading or writing.
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
      // What the message holds is gone with the handle.
      let result = curl_message_result(message)
      curl_multi_remove_handle(multi, easy)
      completions.removeValue(forKey: easy)?(result)
    }
  }

  /// Notes what libcurl waits for at a socket.
  private func watch(_ socket: Int32, for activity: Int32) {
    descriptors.watch(
      socket, for: (activity & CURL_POLL_IN != 0 ? POLLIN : 0) | (activity & CURL_POLL_OUT != 0 ? POLLOUT : 0))
  }
}
