#if !Lean
  import EventLoop
  import Foundation
  import Synchronization

  #if canImport(FoundationNetworking)
    import FoundationNetworking
  #endif

  /// HTTP by URLSession, for requests without a body; on Linux it is FoundationNetworking over libcurl.
  ///
  /// Create one for the life of the process: a session keeps its connections, and on Linux never releases all its memory.
  /// On Linux libcurl limits a response's header block to 300 KiB.
  public final class URLSessionTransport: HTTPTransport {
    private let session: URLSession
    private let delegate = SessionDelegate()

    /// Creates a transport.
    ///
    /// - Parameter maximumConnectionsPerHost: The number of requests to one host that run at once; further ones wait.
    public init(maximumConnectionsPerHost: Int = 64) {
      let configuration = URLSessionConfiguration.ephemeral
      // Nothing is kept from one request to the next.
      configuration.urlCache = nil
      configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
      configuration.urlCredentialStorage = nil
      configuration.httpCookieStorage = nil
      configuration.httpCookieAcceptPolicy = .never
      configuration.httpShouldSetCookies = false
      configuration.httpMaximumConnectionsPerHost = maximumConnectionsPerHost
      #if canImport(FoundationNetworking)
        session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: InlineQueue())
      #else
        session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: nil)
      #endif
    }

    /// Excludes a host from the proxy that the environment names.
    ///
    /// Adds the host to `no_proxy`, which libcurl reads for each request. Call it at the start of a process, before other
    /// threads read the environment. Without a proxy in the environment it does nothing.
    public static func bypassProxy(to host: String) {
      let environment = ProcessInfo.processInfo.environment
      let exceptions = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
      guard exceptions != "*", ["http_proxy", "all_proxy", "ALL_PROXY"].contains(where: { environment[$0] != nil })
      else { return }
      setenv("no_proxy", exceptions.isEmpty ? host : "\(exceptions),\(host)", 1)
    }

    /// Sends a request and returns the complete response, also one with an error status.
    ///
    /// - Throws: `HTTPError`, with `.invalidRequest` for a request with a body; `CancellationError`.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      try request.validate()
      guard request.body.isEmpty else {
        throw HTTPError(.invalidRequest, request, detail: "URLSessionTransport sends no request body")
      }
      guard let timeout = request.timeout else { return try await exchange(request) }
      // URLSession's own timeout restarts with each byte and counts whole seconds.
      return try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await self.exchange(request) }
        group.addTask {
          try await EventLoop.sleep(for: timeout)
          throw HTTPError(.timedOut, request, detail: "no response in time")
        }
        guard let response = try await group.next() else { throw CancellationError() }
        return response
      }
    }

    private func exchange(_ request: HTTPRequest) async throws -> HTTPResponse {
      guard let url = request.url else {
        throw HTTPError(.invalidRequest, request, detail: "scheme, authority and path do not form a URL")
      }
      let exchange = Exchange(session.dataTask(with: URLRequest(request, url)), request)
      delegate.add(exchange)
      defer { delegate.remove(exchange) }
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { exchange.start($0) }
      } onCancel: {
        exchange.end(.failure(CancellationError()))
      }
    }
  }

  /// The requests of a session: passes on what URLSession tells about each.
  private final class SessionDelegate: NSObject, URLSessionDataDelegate, Sendable {
    // Few, and no dictionary: its type would lengthen each start.
    private let exchanges = Mutex<[Exchange]>([])

    func add(_ exchange: Exchange) { exchanges.withLock { $0.append(exchange) } }

    func remove(_ exchange: Exchange) { exchanges.withLock { $0.removeAll { $0 === exchange } } }

    private func exchange(of task: URLSessionTask) -> Exchange? {
      exchanges.withLock { $0.first { $0.task === task } }
    }

    func urlSession(
      _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
      completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
      exchange(of: dataTask)?.receive(response)
      completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
      exchange(of: dataTask)?.receive(data)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
      exchange(of: task)?.complete(error)
    }

    /// Returns a redirect as the response.
    func urlSession(
      _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
      newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
      completionHandler(nil)
    }

    /// Returns a response that demands credentials, without its body.
    func urlSession(
      _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
      completionHandler: @escaping (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
      // On Apple platforms this is also called for the server's certificate, which the system verifies.
      guard let response = challenge.failureResponse as? HTTPURLResponse else {
        return completionHandler(.performDefaultHandling, nil)
      }
      exchange(of: task)?.end(.success(HTTPResponse(response, [])))
      #if !canImport(FoundationNetworking)
        completionHandler(.cancelAuthenticationChallenge, nil)
      #endif
    }
  }

  /// One request, and what has arrived of its response.
  private final class Exchange: Sendable {
    private struct State {
      var continuation: CheckedContinuation<HTTPResponse, any Error>?
      var response: HTTPURLResponse?
      var body: [UInt8] = []
      /// The result of an exchange that ended before its start.
      var result: Result<HTTPResponse, any Error>?
      var hasEnded = false
    }

    let task: URLSessionDataTask
    private let request: HTTPRequest
    private let state = Mutex(State())

    init(_ task: URLSessionDataTask, _ request: HTTPRequest) {
      self.task = task
      self.request = request
    }

    func start(_ continuation: CheckedContinuation<HTTPResponse, any Error>) {
      let result = state.withLock { state in
        if !state.hasEnded { state.continuation = continuation }
        return state.result
      }
      if let result { return continuation.resume(with: result) }
      task.resume()
    }

    func receive(_ response: URLResponse) {
      state.withLock { $0.response = response as? HTTPURLResponse }
    }

    func receive(_ data: Data) {
      let isTooLarge = state.withLock { state in
        guard state.body.count + data.count <= request.maximumResponseBytes else { return true }
        state.body.append(contentsOf: data)
        return false
      }
      if isTooLarge { end(.failure(HTTPError(tooLarge: request))) }
    }

    func complete(_ error: (any Error)?) {
      let (response, body) = state.withLock { ($0.response, $0.body) }
      if let error { return end(.failure(HTTPError(request, error)), isComplete: true) }
      guard let response else {
        return end(.failure(HTTPError(.invalidResponse, request, detail: "no HTTP response")), isComplete: true)
      }
      end(.success(HTTPResponse(response, body)), isComplete: true)
    }

    /// Ends the exchange, unless it has ended.
    ///
    /// - Parameter isComplete: whether URLSession has completed its task, which is cancelled otherwise.
    func end(_ result: Result<HTTPResponse, any Error>, isComplete: Bool = false) {
      let (isFirst, continuation) = state.withLock { state in
        defer {
          state.hasEnded = true
          state.continuation = nil
        }
        if !state.hasEnded, state.continuation == nil { state.result = result }
        return (!state.hasEnded, state.continuation)
      }
      guard isFirst else { return }
      continuation?.resume(with: result)
      // On another thread: this one may be the session's queue, or hold the lock of a Swift task, and FoundationNetworking
      // waits for its queue.
      if !isComplete { DispatchQueue.global().async { [task] in task.cancel() } }
    }
  }

  #if canImport(FoundationNetworking)
    /// Calls the delegate on the session's own queue, which serializes the calls. The threads of an `OperationQueue` would
    /// nearly double an invocation's waits and wakeups.
    private final class InlineQueue: OperationQueue, @unchecked Sendable {
      override func addOperation(_ block: @escaping @Sendable () -> Void) { block() }
    }
  #endif

  extension HTTPResponse {
    fileprivate init(_ response: HTTPURLResponse, _ body: [UInt8]) {
      var headers = HTTPHeaders()
      for case (let name as String, let value as String) in response.allHeaderFields {
        // FoundationNetworking keeps trailing white space, which is not a part of the value (RFC 9110, section 5.5).
        headers.add(name: name, value: value.trimmingBlanks)
      }
      self.init(status: response.statusCode, headers: headers, body: body)
    }
  }

  extension String {
    fileprivate var trimmingBlanks: String {
      guard utf8.first?.isBlank == true || utf8.last?.isBlank == true else { return self }
      let bytes = utf8.drop(while: \.isBlank).reversed().drop(while: \.isBlank).reversed()
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  extension URLRequest {
    fileprivate init(_ request: HTTPRequest, _ url: URL) {
      self.init(url: url)
      httpMethod = request.method.rawValue
      for field in request.headers.fields { addValue(field.value, forHTTPHeaderField: field.name) }
      // Otherwise URLSession asks for gzip and decodes it.
      if request.headers["Accept-Encoding"] == nil { setValue("identity", forHTTPHeaderField: "Accept-Encoding") }
      httpShouldHandleCookies = false
      // No limit: FoundationNetworking restarts its timer with each header line, and one in the far future needs no thread.
      // `.infinity` traps.
      timeoutInterval = 9e15
    }
  }

  extension HTTPError {
    fileprivate init(tooLarge request: HTTPRequest) {
      self.init(.responseTooLarge, request, detail: "more than \(request.maximumResponseBytes) bytes")
    }

    fileprivate init(_ request: HTTPRequest, _ error: any Error) {
      let text = error.localizedDescription
      let reason: Reason =
        switch (error as? URLError)?.code {
        case .timedOut: .timedOut
        case .cannotFindHost, .dnsLookupFailed: .nameNotResolved
        case .cannotConnectToHost: .cannotConnect
        // `badServerResponse`: the connection ended before the first byte of a response.
        case .networkConnectionLost, .badServerResponse: .connectionLost
        case .badURL: .invalidRequest
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
          .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot:
          .tls
        // `unsupportedURL` concerns the response, because the request's scheme was validated.
        case .cannotParseResponse, .zeroByteResource, .unsupportedURL: .invalidResponse
        // On Linux every other failure is `unknown`: in TLS, of the connection, or an unreadable response.
        case .unknown where request.target.isSecure: .tls
        case .unknown where Self.lossTexts.contains(where: text.hasPrefix): .connectionLost
        case .unknown: .invalidResponse
        default: .other
        }
      self.init(reason, request, detail: text)
    }

    /// libcurl's texts for a connection that was lost within a response.
    private static let lossTexts = [
      "transfer closed", "Recv failure", "Send failure", "Failed sending", "Failure when",
    ]
  }
#endif
