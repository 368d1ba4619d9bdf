import HTTP

/// The transports for the Runtime API's calls.
///
/// In the default build URLSession polls and libcurl sends: on Linux URLSession cannot repeat a request body and takes
/// about 0.4 ms of CPU for each request. In the lean build, libcurl does both.
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
    let curl = CurlTransport()
    #if Lean
      self.init(polling: curl, sending: curl)
    #else
      self.init(polling: URLSessionTransport(maximumConnectionsPerHost: connections), sending: curl)
    #endif
  }

  /// Creates a pair of transports; both may be the same.
  public init(polling: any HTTPTransport, sending: any HTTPTransport) {
    self.polling = polling
    self.sending = sending
    streaming = sending as? CurlTransport ?? CurlTransport()
  }
}
