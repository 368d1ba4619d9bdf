#if !Lean
  import Foundation
  import Synchronization

  #if canImport(FoundationNetworking)
    import FoundationNetworking
  #endif

  /// HTTP by URLSession, which on Linux is FoundationNetworking over libcurl.
  ///
  /// Make one for the life of the process: a session keeps its connections, and on Linux never gives back all it holds.
  /// On Linux a session runs its callbacks on one serial queue, about 0.5 ms of CPU an exchange.
  public final class URLSessionTransport: HTTPTransport {
    private let session: URLSession

    /// Makes a transport.
    ///
    /// - Parameter maximumConnectionsPerHost: how many requests to one host are on the wire at once; further ones wait.
    public init(maximumConnectionsPerHost: Int = 64) {
      let configuration = URLSessionConfiguration.ephemeral
      // A Lambda has no user: nothing may be remembered from one request to the next.
      configuration.urlCache = nil
      configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
      configuration.urlCredentialStorage = nil
      configuration.httpCookieStorage = nil
      configuration.httpCookieAcceptPolicy = .never
      configuration.httpShouldSetCookies = false
      configuration.httpMaximumConnectionsPerHost = maximumConnectionsPerHost
      session = URLSession(configuration: configuration)
    }

    /// Keeps requests to a host from going through a proxy that the environment names.
    ///
    /// libcurl reads the environment at each request, so it is changed: `no_proxy` gets the host. For the start of a
    /// process, before it has threads that read the environment; where no proxy is named, nothing is done.
    public static func bypassProxy(to host: String) {
      let environment = ProcessInfo.processInfo.environment
      let exceptions = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
      guard exceptions != "*", ["http_proxy", "all_proxy", "ALL_PROXY"].contains(where: { environment[$0] != nil })
      else { return }
      setenv("no_proxy", exceptions.isEmpty ? host : "\(exceptions),\(host)", 1)
    }

    /// Sends a request and returns the whole response, whatever its status.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      try request.validate()
      let exchange = Exchange(request)
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          let task = session.dataTask(with: URLRequest(request)) { data, response, error in
            continuation.resume(with: exchange.end(data, response, error))
          }
          task.delegate = exchange
          exchange.start(task)
        }
      } onCancel: {
        exchange.stop(.cancelled)
      }
    }
  }

  /// One request on its way. A cancellation or its timeout ends it, even before it has begun; redirects and demands for
  /// credentials come back as the responses they are.
  private final class Exchange: NSObject, Sendable {
    /// Why a request was ended from this side.
    enum Stop {
      case cancelled, timedOut, connectionDead
      /// URLSession would wait for credentials without end: this is the response.
      case challenged(HTTPURLResponse)
    }

    // Tasks and timers may be used from any thread; their types do not say so everywhere.
    private struct State: @unchecked Sendable {
      var task: URLSessionTask?
      var timer: (any DispatchSourceTimer)?
      var stop: Stop?
    }

    private let request: HTTPRequest
    private let state = Mutex(State())

    init(_ request: HTTPRequest) { self.request = request }

    func start(_ task: URLSessionTask) {
      // URLSession's own timeout starts anew with each byte and is cut to whole seconds, so the whole is timed here.
      let timer = request.timeout.map { timeout in
        let timer = DispatchSource.makeTimerSource()
        timer.setEventHandler { self.stop(.timedOut) }
        timer.schedule(deadline: .now() + timeout / .seconds(1))
        timer.activate()
        return timer
      }
      let handles = State(task: task, timer: timer)
      let isStopped = state.withLock { state in
        state = State(task: handles.task, timer: handles.timer, stop: state.stop)
        return state.stop != nil
      }
      // A task that is cancelled still has to run for its completion handler to be called.
      if isStopped { task.cancel() }
      task.resume()
    }

    func stop(_ reason: Stop) {
      let task = state.withLock { state in
        if state.stop == nil { state.stop = reason }
        return state.task
      }
      task?.cancel()
    }

    func end(_ data: Data?, _ response: URLResponse?, _ error: (any Error)?) -> Result<HTTPResponse, any Error> {
      // The task and the timer hold this object, and it must not go on holding them.
      let last = state.withLock { state in
        defer { state = State(stop: state.stop) }
        return state
      }
      last.timer?.cancel()
      if let error {
        switch last.stop {
        case .cancelled: return .failure(CancellationError())
        case .timedOut: return .failure(HTTPError(.timedOut, request, detail: "no response in time"))
        case .connectionDead:
          return .failure(HTTPError(.connectionLost, request, detail: "the kept connection was dead"))
        case .challenged(let response): return .success(HTTPResponse(response, nil))
        case nil: return .failure(HTTPError(request, error))
        }
      }
      guard let response = response as? HTTPURLResponse else {
        return .failure(HTTPError(.invalidResponse, request, detail: "no HTTP response"))
      }
      return .success(HTTPResponse(response, data))
    }
  }

  extension Exchange: URLSessionTaskDelegate {
    func urlSession(
      _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
      newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
      completionHandler(nil)
    }

    func urlSession(
      _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
      completionHandler: @escaping (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
      // On Apple platforms the server's certificate is asked about here too; the system verifies it.
      guard let response = challenge.failureResponse as? HTTPURLResponse else {
        return completionHandler(.performDefaultHandling, nil)
      }
      stop(.challenged(response))
      completionHandler(.cancelAuthenticationChallenge, nil)
    }

    // Asked where libcurl found a kept connection dead and sends the request again on a new one. On Linux a body in memory
    // cannot be given a second time and the peer would wait for it, so the request ends here: its caller may repeat it.
    func urlSession(
      _ session: URLSession, task: URLSessionTask, needNewBodyStream completionHandler: @escaping (InputStream?) -> Void
    ) {
      // Not on this queue, which is the one that a cancellation waits for.
      DispatchQueue.global().async { self.stop(.connectionDead) }
      completionHandler(nil)
    }
  }

  extension HTTPResponse {
    fileprivate init(_ response: HTTPURLResponse, _ data: Data?) {
      var headers = HTTPHeaders()
      for case (let name as String, let value as String) in response.allHeaderFields {
        headers.add(name: name, value: value)
      }
      self.init(status: response.statusCode, headers: headers, body: data.map { [UInt8]($0) } ?? [])
    }
  }

  extension URLRequest {
    fileprivate init(_ request: HTTPRequest) {
      self.init(url: request.url)
      httpMethod = request.method.rawValue
      for field in request.headers.fields { addValue(field.value, forHTTPHeaderField: field.name) }
      // Without this URLSession asks for gzip and unpacks it, and a checksum over the bytes on the wire no longer fits.
      if request.headers["Accept-Encoding"] == nil { setValue("identity", forHTTPHeaderField: "Accept-Encoding") }
      if !request.body.isEmpty { httpBody = Data(request.body) }
      httpShouldHandleCookies = false
      // Idle time. Whole seconds, since a fraction is cut off; a day stands for "no limit", since `.infinity` traps.
      let seconds = request.timeout.map { max(1, min($0.components.seconds + 1, 86_400)) } ?? 86_400
      timeoutInterval = TimeInterval(seconds)
    }
  }

  extension HTTPError {
    fileprivate init(_ request: HTTPRequest, _ error: any Error) {
      let reason: Reason =
        switch (error as? URLError)?.code {
        case .timedOut: .timedOut
        case .cannotFindHost, .dnsLookupFailed: .nameNotResolved
        case .cannotConnectToHost: .cannotConnect
        case .networkConnectionLost: .connectionLost
        // "Unsupported" is, since every request was validated, what came back: something else than HTTP.
        case .badServerResponse, .cannotParseResponse, .zeroByteResource, .unsupportedURL: .invalidResponse
        case .badURL: .invalidRequest
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
          .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot:
          .tls
        // What libcurl reports of a refused certificate reaches us as "unknown" on Linux.
        case .unknown where request.url.scheme?.lowercased() == "https": .tls
        default: .other
        }
      self.init(reason, request, detail: error.localizedDescription)
    }
  }
#endif
