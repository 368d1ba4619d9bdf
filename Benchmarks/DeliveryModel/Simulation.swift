import Foundation

/// One scenario: the services, the clients' messages, and the disturbances.
final class Simulation {
  private let configuration: Configuration
  private let started = Clock.now()
  private let posts: Posts
  private let server: Server
  private let dynamoDB: DynamoDBModel
  private let lambda: LambdaModel
  private var messages: [Message] = []
  private var unsent = 0
  private var timeline = Timeline()
  private var quota: Double
  private var quotaChanges: [Configuration.QuotaChange]
  private var kills: [Double]
  private var problems: [String] = []
  private var idleSince: Microseconds?
  private var processorTime: Microseconds = 0

  init(_ configuration: Configuration) throws {
    self.configuration = configuration
    quota = configuration.quota
    quotaChanges = configuration.quotaChanges
    kills = configuration.kills
    let rooms = configuration.rooms.enumerated().map { Room($1, index: $0) }
    posts = Posts(configuration, rooms: rooms, now: Clock.now())
    server = Server(posts: posts, now: Clock.now())
    dynamoDB = DynamoDBModel(rooms: rooms)
    let port = try server.listen(owner: 0)
    lambda = LambdaModel(configuration, server: server, servicesPort: port, now: started)
    server.handle = { [unowned self] peer, owner, head, body in answer(peer, owner, head, body) }
  }

  /// Runs the scenario to its end.
  func run() throws -> Report {
    for sending in configuration.sendings {
      unsent += sending.count
      for index in 0..<sending.count {
        server.after(scaled(sending.start + Double(index) * sending.interval)) { [unowned self] in
          unsent -= 1
          send(to: posts.rooms[sending.room])
        }
      }
    }
    every(Microseconds(Double(Timeline.step) * configuration.factor)) { [unowned self] in
      timeline.add(posts.counters, busy: lambda.busy, quota: quota)
    }
    every(scaled(1)) { [unowned self] in dynamoDB.startSecond() }
    every(10_000) { [unowned self] in
      lambda.reap()
      disturb()
    }
    let before = Clock.processorTime()
    try server.run { [unowned self] in isOver }
    processorTime = Clock.processorTime() - before
    lambda.stop()
    return report()
  }

  private func scaled(_ seconds: Double) -> Microseconds { Microseconds(seconds * 1_000_000 * configuration.factor) }

  /// Milliseconds of the scenario's time since the start.
  private var milliseconds: Double { Double(Clock.now() - started) / 1000 / configuration.factor }

  private func every(_ interval: Microseconds, _ action: @escaping () -> Void) {
    server.after(interval) { [unowned self] in
      action()
      every(interval, action)
    }
  }

  /// Whether everything was sent and half a second passed since the last work, or the time is up.
  private var isOver: Bool {
    if isInterrupted.pointee != 0 || milliseconds > configuration.seconds * 1000 { return true }
    guard unsent == 0, lambda.isIdle else {
      idleSince = nil
      return false
    }
    let since = idleSince ?? Clock.now()
    idleSince = since
    return Clock.now() - since > 500_000
  }

  // MARK: - Clients

  private func send(to room: Room) {
    let number = messages.count + 1
    // Another reader for each message, so that no rate limit applies.
    var sender = (number * 7919) % room.people
    while room.kind(sender) != .reader { sender = (sender + 1) % room.people }
    let message = Message(number: number, room: room, sender: sender, sent: milliseconds)
    messages.append(message)
    posts.admitMessage(now: Clock.now())
    let event = """
      {"requestContext":{"routeKey":"send","eventType":"MESSAGE","stage":"prod","domainName":"127.0.0.1","apiId":"a",\
      "connectionId":"\(room.id(sender))"},"body":"{\\"action\\":\\"send\\",\\"clientId\\":\\"\(number)\\",\
      \\"message\\":{\\"n\\":\(number),\\"text\\":\\"\(String(repeating: "x", count: 64))\\"}}","isBase64Encoded":false}
      """
    lambda.invoke(configuration.sendFunction, Array(event.utf8)) { [unowned self] result in
      message.answered = milliseconds
      guard case .response(let body) = result, let tree = try? JSONTree(body) else { return }
      message.status = tree["statusCode"]?.int
    }
  }

  // MARK: - Disturbances

  private func disturb() {
    guard let room = posts.rooms.first,
      let frame = posts.frames.first(where: { $0.room === room && !$0.messages.isEmpty })
    else { return }
    let share = Double(frame.reached) / Double(max(1, room.readers))
    if let change = quotaChanges.first, share >= change.share {
      quotaChanges.removeFirst()
      setQuota(change.quota)
      server.after(scaled(change.seconds)) { [unowned self] in setQuota(configuration.quota) }
    }
    if let next = kills.first, share >= next {
      kills.removeFirst()
      if !lambda.kill(configuration.deliverFunction) { problems.append("no process was busy at a share of \(next)") }
    }
  }

  private func setQuota(_ quota: Double) {
    self.quota = quota
    posts.setQuota(quota, now: Clock.now())
  }

  // MARK: - Services

  private func answer(_ peer: Int, _ owner: Int, _ head: RequestHead, _ body: [UInt8]) {
    let reference = server.reference(peer)
    if owner > 0 { return lambda.answerRuntime(head, body, sandbox: owner, reference) }
    let latency = Microseconds(configuration.tableLatency * 1000 * configuration.factor)
    if let target = head["x-amz-target"] {
      let (status, answer) = dynamoDB.answer(String(target.drop { $0 != "." }.dropFirst()), body)
      server.after(latency) { [unowned self] in server.send(Response.dynamoDB(status, answer), to: reference) }
    } else if head.path.hasPrefix("/2015-03-31/functions/") {
      server.after(latency) { [unowned self] in lambda.answerInvoke(head, body, reference) }
    } else if head.method == "DELETE" {
      server.send(Response.noContent, to: reference)
    } else {
      problems.append("unknown request \(head.method) \(head.path)")
      server.send(Response.resourceNotFound, to: reference)
    }
  }

  // MARK: - Report

  private func report() -> Report {
    let isComplete = unsent == 0 && lambda.isIdle
    let total = server.lateness.reduce(0, +)
    var seen = 0
    let lateness = server.lateness.firstIndex { count in
      seen += count
      return seen * 100 >= total * 99
    }
    return Report(
      factor: configuration.factor, seconds: milliseconds / 1000,
      rooms: posts.rooms.map {
        .init(name: $0.name, people: $0.people, readers: $0.readers, deletedRows: $0.deleted)
      },
      frames: posts.frames.map {
        .init(
          room: $0.room.index, messages: $0.messages, bytes: $0.bytes, reached: $0.reached,
          firstReached: $0.firstReached.map { Double($0) / 1000 },
          lastReached: $0.lastReached.map { Double($0) / 1000 },
          reachedPerBucket: $0.reachedPerBucket, repetitions: $0.repetitions)
      },
      messages: messages.map { .init($0, frames: posts.frames) }, posts: posts.counters, lambda: lambda.counters,
      peakKilobytes: lambda.peakKilobytes, dynamoDB: dynamoDB.operations, refusedConditions: dynamoDB.refusedConditions,
      peakWriteUnits: dynamoDB.peakWriteUnits, leftRows: dynamoDB.messages.count, timeline: timeline,
      lateness: lateness ?? 0, processorSeconds: Double(processorTime) / 1_000_000, isComplete: isComplete,
      problems: problems + dynamoDB.refusedRequests + lambda.errors)
  }
}
