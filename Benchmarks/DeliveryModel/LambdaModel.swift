import Foundation

/// Lambda: sandboxes started on demand, asynchronous events with retries, deadlines.
final class LambdaModel {
  struct Counters: Encodable {
    var invocations = 0
    var coldStarts = 0
    var failures = 0
    var timeouts = 0
    var kills = 0
    var retries = 0
    var deadLetters = 0
    var peakConcurrency = 0
  }

  private(set) var counters = Counters()
  /// The peak memory of each function's processes in KB.
  private(set) var peakKilobytes: [String: Int] = [:]
  private(set) var errors: [String] = []
  private let configuration: Configuration
  private let server: Server
  private let servicesPort: UInt16
  private let started: Microseconds
  private var sandboxes: [Int: Sandbox] = [:]
  private var queues: [String: [Invocation]] = [:]
  private var starting: [String: Int] = [:]
  private var waiting = 0
  private var number = 0

  init(_ configuration: Configuration, server: Server, servicesPort: UInt16, now: Microseconds) {
    self.configuration = configuration
    self.server = server
    self.servicesPort = servicesPort
    started = now
  }

  /// Whether no event is queued, being processed, or waiting for a retry.
  var isIdle: Bool { waiting == 0 && queues.values.allSatisfy(\.isEmpty) && busy == 0 }

  /// The number of sandboxes that process an event.
  var busy: Int { sandboxes.values.count { $0.invocation != nil } }

  private func scaled(milliseconds: Double) -> Microseconds {
    Microseconds(milliseconds * 1000 * configuration.factor)
  }

  // MARK: - Events

  /// Queues an event. Without a completion it is asynchronous: it is retried after failures.
  ///
  /// - Returns: whether there is such a function.
  @discardableResult
  func invoke(_ name: String, _ payload: [UInt8], completion: Invocation.Completion? = nil) -> Bool {
    guard let function = configuration.functions.first(where: { $0.name == name }) else { return false }
    number += 1
    let invocation = Invocation(id: "event-\(number)", payload: payload, completion: completion)
    queue(invocation, function, after: completion == nil ? scaled(milliseconds: configuration.dispatch) : 0)
    return true
  }

  private func queue(_ invocation: Invocation, _ function: Configuration.Function, after delay: Microseconds) {
    guard delay > 0 else {
      queues[function.name, default: []].append(invocation)
      return dispatch(function)
    }
    waiting += 1
    server.after(delay) { [unowned self] in
      waiting -= 1
      queues[function.name, default: []].append(invocation)
      dispatch(function)
    }
  }

  private func dispatch(_ function: Configuration.Function) {
    for sandbox in sandboxes.values.sorted(by: { $0.number < $1.number })
    where sandbox.function.name == function.name && sandbox.invocation == nil {
      guard let poll = sandbox.poll, queues[function.name]?.isEmpty == false else { continue }
      guard let invocation = queues[function.name]?.removeFirst() else { return }
      give(invocation, to: sandbox, poll)
    }
    let running = sandboxes.count + starting.values.reduce(0, +)
    let seconds = Double(Clock.now() - started) / configuration.factor / 1_000_000
    let limit = configuration.concurrency + Int(seconds / 10) * configuration.concurrencyStep
    let pending = sandboxes.values.count { $0.function.name == function.name && !$0.isReady }
    let missing = (queues[function.name]?.count ?? 0) - pending - (starting[function.name] ?? 0)
    for _ in 0..<max(0, min(missing, limit - running)) { start(function) }
    counters.peakConcurrency = max(counters.peakConcurrency, sandboxes.count)
  }

  private func give(_ invocation: Invocation, to sandbox: Sandbox, _ poll: (peer: Int, generation: Int)) {
    invocation.attempts += 1
    counters.invocations += 1
    if invocation.attempts > 1 { counters.retries += 1 }
    sandbox.invocation = invocation
    sandbox.poll = nil
    let time = sandbox.function.timeout * configuration.factor
    let deadline = Clock.wallMilliseconds() + Int64(time * 1000)
    let name = sandbox.function.name
    server.send(Response.next(id: invocation.id, function: name, deadline: deadline, invocation.payload), to: poll)
    let attempt = invocation.attempts
    server.after(Microseconds(time * 1_000_000)) { [unowned self, weak sandbox] in
      guard let sandbox, sandbox.invocation === invocation, invocation.attempts == attempt else { return }
      counters.timeouts += 1
      sandbox.kill()
    }
  }

  private func finish(_ sandbox: Sandbox, _ result: Invocation.Result) {
    guard let invocation = sandbox.invocation else { return }
    sandbox.invocation = nil
    switch result {
    case .response: break
    case .error(let body):
      counters.failures += 1
      errors.append("\(sandbox.function.name): \(String(decoding: body, as: UTF8.self))")
    case .lost: counters.failures += 1
    }
    if let completion = invocation.completion { return completion(result) }
    if case .response = result { return }
    guard invocation.attempts <= configuration.retryDelays.count else { return counters.deadLetters += 1 }
    let delay = configuration.retryDelays[invocation.attempts - 1]
    queue(invocation, sandbox.function, after: scaled(milliseconds: delay * 1000))
  }

  // MARK: - Sandboxes

  private func start(_ function: Configuration.Function) {
    starting[function.name, default: 0] += 1
    server.after(scaled(milliseconds: configuration.coldStart)) { [unowned self] in
      starting[function.name, default: 0] -= 1
      number += 1
      counters.coldStarts += 1
      let sandbox = Sandbox(number: number, function: function)
      do {
        let port = try server.listen(owner: sandbox.number)
        try sandbox.start(configuration, runtimePort: port, servicesPort: servicesPort)
        sandboxes[sandbox.number] = sandbox
      } catch {
        errors.append("\(function.name) did not start: \(error)")
      }
    }
  }

  /// Removes processes that have exited; their events fail.
  func reap() {
    for sandbox in sandboxes.values where !sandbox.process.isRunning {
      sandboxes[sandbox.number] = nil
      server.close(owner: sandbox.number)
      record(sandbox)
      if sandbox.invocation == nil { errors.append("\(sandbox.function.name) exited without an event") }
      finish(sandbox, .lost)
      dispatch(sandbox.function)
    }
  }

  /// Kills a busy process of a function. Returns whether there was one.
  func kill(_ function: String) -> Bool {
    let busy = sandboxes.values.filter { $0.function.name == function && $0.invocation != nil && $0.process.isRunning }
    guard let sandbox = busy.min(by: { $0.number < $1.number }) else { return false }
    counters.kills += 1
    sandbox.kill()
    return true
  }

  /// Kills all processes.
  func stop() {
    for sandbox in sandboxes.values {
      sandbox.kill()
      record(sandbox)
    }
    for sandbox in sandboxes.values { sandbox.process.waitUntilExit() }
  }

  private func record(_ sandbox: Sandbox) {
    peakKilobytes[sandbox.function.name] = max(peakKilobytes[sandbox.function.name] ?? 0, sandbox.peakKilobytes)
  }

  // MARK: - Requests

  /// Answers a request of a sandbox to its Runtime API.
  func answerRuntime(_ head: RequestHead, _ body: [UInt8], sandbox number: Int, _ peer: (peer: Int, generation: Int)) {
    guard let sandbox = sandboxes[number] else { return }
    let parts = head.path.split(separator: "/")
    guard parts.count >= 3, parts[1] == "runtime" else { return server.send(Response.resourceNotFound, to: peer) }
    if parts[2] == "invocation", parts.last == "next" {
      sandbox.isReady = true
      sandbox.poll = peer
      return dispatch(sandbox.function)
    }
    server.send(Response.accepted, to: peer)
    sandbox.sampleMemory()
    record(sandbox)
    switch parts.last {
    case "response": finish(sandbox, .response(body))
    case "error": parts[2] == "init" ? sandbox.kill() : finish(sandbox, .error(body))
    default: break
    }
  }

  /// Answers the Invoke API.
  func answerInvoke(_ head: RequestHead, _ body: [UInt8], _ peer: (peer: Int, generation: Int)) {
    let parts = head.path.split(separator: "/")
    guard head.method == "POST", parts.count == 4, parts[1] == "functions", parts[3] == "invocations",
      head["x-amz-invocation-type"] == "Event", let name = parts[2].removingPercentEncoding
    else { return server.send(Response.resourceNotFound, to: peer) }
    let isKnown = invoke(name, body)
    server.send(isKnown ? Response.accepted : Response.resourceNotFound, to: peer)
  }
}
