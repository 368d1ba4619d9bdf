import HTTP

/// The transports for the Runtime API's calls.
///
/// In the lean build, plain sockets poll and send. In the default build URLSession polls and libcurl sends: on Linux
/// URLSession cannot repeat a request body and takes about 0.4 ms of CPU for each request. Streamed responses are sent with
/// libcurl in both builds, and so is what sockets would send to a host that is a name.
public struct RuntimeAPITransports: Sendable {
  /// The transport of `next`, the only call without a request body.
  public let polling: any HTTPTransport
  /// The transport of responses and errors.
  public let sending: any HTTPTransport

  /// The transport of streamed responses.
  let streaming: CurlTransport

  /// Creates the transports of this build.
  ///
  /// - Parameter connections: The maximum number of concurrent invocations.
  public init(connections: Int = 1) {
    let streaming = CurlTransport()
    #if Lean
      let sockets = SocketTransport()
      self.init(polling: sockets, sending: sockets, streaming: streaming)
    #else
      self.init(
        polling: URLSessionTransport(maximumConnectionsPerHost: connections), sending: streaming, streaming: streaming)
    #endif
  }

  /// Creates a pair of transports; both may be the same.
  public init(polling: any HTTPTransport, sending: any HTTPTransport) {
    // `init(connections:)` avoids this cast: one that fails took a quarter of a start's instructions.
    self.init(polling: polling, sending: sending, streaming: sending as? CurlTransport ?? CurlTransport())
  }

  private init(polling: any HTTPTransport, sending: any HTTPTransport, streaming: CurlTransport) {
    self.polling = polling
    self.sending = sending
    self.streaming = streaming
  }

  /// The transports for an address: libcurl's where another one does not accept the host.
  func adapted(to address: RuntimeAPIAddress) -> RuntimeAPITransports {
    RuntimeAPITransports(
      polling: accepts(polling, address) ? polling : streaming,
      sending: accepts(sending, address) ? sending : streaming, streaming: streaming)
  }

  private func accepts(_ transport: any HTTPTransport, _ address: RuntimeAPIAddress) -> Bool {
    #if !Lean
      if transport is URLSessionTransport { return address.isAcceptedByURLSession }
    #endif
    return address.isNumeric || !(transport is SocketTransport)
  }
}
