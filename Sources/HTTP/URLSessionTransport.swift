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
      session = URLSession(configuration: configuration, delegate: SessionDelegate(), delegateQueue: nil)
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
      let delegate = TaskDelegate(maximumBytes: request.maximumResponseBytes)
      // Unlike a task's completion handler, this returns without a hop to the delegate queue. In a task of its own, because
      // FoundationNetworking's cancellation handler deadlocks with a request that ends at the same moment: the handler holds
      // the task's lock and waits for the session's queue, which waits for that lock to resume the task.
      let exchange = Task(executorPreference: EventLoop.current) { [session] in
        try delegate.checkCancellation()
        var tagged = URLRequest(request, url)
        tagged.mainDocumentURL = delegate.tag
        return try await session.data(for: tagged, delegate: delegate)
      }
      defer { delegate.end() }
      do {
        let (body, response) = try await withTaskCancellationHandler {
          try await exchange.value
        } onCancel: {
          delegate.cancel(in: session)
        }
        guard let response = response as? HTTPURLResponse else {
          throw HTTPError(.invalidResponse, request, detail: "no HTTP response")
        }
        guard body.count <= request.maximumResponseBytes else { throw HTTPError(tooLarge: request) }
        return HTTPResponse(response, body)
      } catch let error as HTTPError {
        throw error
      } catch {
        if delegate.hasExceededMaximum { throw HTTPError(tooLarge: request) }
        try Task.checkCancellation()
        if let response = delegate.challenge { return HTTPResponse(response, Data()) }
        throw HTTPError(request, error)
      }
    }
  }

  /// Ends requests where URLSession would continue without asking the caller.
  private final class SessionDelegate: NSObject, URLSessionTaskDelegate {
    /// Returns a redirect as the response.
    func urlSession(
      _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
      newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
      completionHandler(nil)
    }

    /// Cancels a request that is answered with 401; FoundationNetworking would never complete it.
    func urlSession(
      _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
      completionHandler: @escaping (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
      // On Apple platforms this is also called for the server's certificate, which the system verifies.
      let isResponse = challenge.failureResponse is HTTPURLResponse
      completionHandler(isResponse ? .cancelAuthenticationChallenge : .performDefaultHandling, nil)
    }
  }

  /// Observes one request: cancels it if the response body is too large, and keeps the response that demands credentials.
  private final class TaskDelegate: NSObject, URLSessionDataDelegate {
    private struct State {
      var receivedBytes = 0
      var challenge: HTTPURLResponse?
      var isCancelled = false
      var hasEnded = false
    }

    private let maximumBytes: Int
    private let state = Mutex(State())

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    var hasExceededMaximum: Bool { state.withLock { $0.receivedBytes > maximumBytes } }
    var challenge: HTTPURLResponse? { state.withLock { $0.challenge } }

    /// Marks the request, because its task does not show its delegate. Only cookies, which are off, would use this URL.
    var tag: URL? { URL(string: "request:\(UInt(bitPattern: ObjectIdentifier(self)))") }

    /// - Throws: `CancellationError` if the request was cancelled before it began.
    func checkCancellation() throws {
      if state.withLock({ $0.isCancelled }) { throw CancellationError() }
    }

    /// Stops a pending `cancel`.
    func end() { state.withLock { $0.hasEnded = true } }

    /// Cancels the request, without waiting for the session's queue.
    func cancel(in session: URLSession) {
      state.withLock { $0.isCancelled = true }
      session.getAllTasks { tasks in
        if let task = tasks.first(where: { $0.originalRequest?.mainDocumentURL == self.tag }) { return task.cancel() }
        // The request may be about to begin.
        guard !self.state.withLock({ $0.hasEnded }) else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.01) { self.cancel(in: session) }
      }
    }

    func urlSession(
      _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
      completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
      if let response = response as? HTTPURLResponse, response.statusCode == 401 {
        state.withLock { $0.challenge = response }
      }
      completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
      state.withLock { $0.receivedBytes += data.count }
      if hasExceededMaximum { dataTask.cancel() }
    }
  }

  extension HTTPResponse {
    fileprivate init(_ response: HTTPURLResponse, _ body: Data) {
      var headers = HTTPHeaders()
      for case (let name as String, let value as String) in response.allHeaderFields {
        // FoundationNetworking keeps trailing white space, which is not a part of the value (RFC 9110, section 5.5).
        headers.add(name: name, value: value.trimmingBlanks)
      }
      self.init(status: response.statusCode, headers: headers, body: [UInt8](body))
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
      // A day means no limit here, because `.infinity` traps.
      timeoutInterval = 86_400
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
