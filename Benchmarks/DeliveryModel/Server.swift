#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One thread that serves HTTP/1.1 on loopback: posts to connections itself, all other requests by a handler.
///
/// A post allocates nothing. Its response is due in a tick of a millisecond.
final class Server {
  typealias Peers = UnsafeMutablePointer<Peer>

  static let maximumPeers = 8192
  private static let ticks = 1 << 16
  private static let tick: Microseconds = 1000
  private static let longestPoll: Microseconds = 10_000

  let posts: Posts
  /// Handles a request that is no post.
  var handle: (_ peer: Int, _ owner: Int, RequestHead, [UInt8]) -> Void = { _, _, _, _ in }
  /// The lateness of responses: the number by milliseconds, the last one for all above.
  private(set) var lateness = [Int](repeating: 0, count: 1000)

  var peers: Peers
  private var peerCount = 0
  private var free: [Int] = []
  private var polled: [pollfd] = []
  /// The peer of each polled descriptor; for a listener, -1 minus its owner.
  private var polledPeers: [Int] = []
  private var outputs: [Int: ArraySlice<UInt8>] = [:]
  private var slots = [Int32](repeating: -1, count: ticks)
  private var scheduled = 0
  private let started: Microseconds
  private var lastTick = 0
  private var timers = Timers()

  init(posts: Posts, now: Microseconds) {
    self.posts = posts
    started = now
    peers = .allocate(capacity: Self.maximumPeers)
    // A client that has closed is an error of the call, not a signal.
    signal(SIGPIPE, SIG_IGN)
  }

  func after(_ delay: Microseconds, _ action: @escaping Timers.Action) {
    timers.add(at: Clock.now() + max(0, delay), action)
  }

  // MARK: - Loop

  /// Serves until a condition holds.
  func run(until isDone: () -> Bool) throws {
    while !isDone() {
      var now = Clock.now()
      var wait = Self.longestPoll
      if scheduled > 0 { wait = min(wait, Self.tick) }
      if let next = timers.next { wait = min(wait, max(0, next - now)) }
      let ready = poll(&polled, nfds_t(polled.count), Int32((wait + 999) / 1000))
      guard ready >= 0 || errno == EINTR else { throw SystemError("poll") }
      if ready > 0 { serveReady(ready) }
      now = Clock.now()
      answerDue(now: now)
      while let action = timers.pop(now: Clock.now()) { action() }
    }
  }

  private func serveReady(_ ready: Int32) {
    var left = ready
    // From the end, because a closed peer is replaced by the last one.
    var index = polled.count - 1
    while index >= 0, left > 0 {
      let events = polled[index].revents
      if events != 0 {
        left -= 1
        polled[index].revents = 0
        let peer = polledPeers[index]
        if peer < 0 {
          accept(polled[index].fd, owner: -1 - peer)
        } else {
          if events & Int16(POLLOUT) != 0 { flush(peer) }
          if events & ~Int16(POLLOUT) != 0, peers[peer].descriptor >= 0 { receive(peer) }
        }
      }
      index -= 1
    }
  }

  private func answerDue(now: Microseconds) {
    let tick = Int((now - started) / Self.tick)
    while lastTick < tick {
      lastTick += 1
      let slot = lastTick % Self.ticks
      var peer = Int(slots[slot])
      slots[slot] = -1
      while peer >= 0 {
        let next = Int(peers[peer].nextInTick)
        lateness[min(lateness.count - 1, max(0, Int((now - peers[peer].due) / 1000)))] += 1
        answer(peer, now: now)
        peer = next
      }
    }
  }

  private func schedule(_ peer: Int, after time: Microseconds, now: Microseconds) {
    let tick = max(lastTick + 1, min(lastTick + Self.ticks - 1, Int((now + time - started) / Self.tick)))
    peers[peer].due = started + Microseconds(tick) * Self.tick
    peers[peer].nextInTick = slots[tick % Self.ticks]
    peers[peer].isScheduled = true
    slots[tick % Self.ticks] = Int32(peer)
    scheduled += 1
  }

  private func answer(_ peer: Int, now: Microseconds) {
    scheduled -= 1
    peers[peer].isScheduled = false
    let isClosed = peers[peer].descriptor < 0
    let outcome = peers[peer].outcome
    posts.settle(
      outcome, number: Int(peers[peer].number), frame: Int(peers[peer].frame), isAnswerLost: isClosed, now: now)
    guard !isClosed else { return release(peer) }
    switch outcome {
    case .delivered: send(Response.ok, to: peer)
    case .slow, .throttled: send(Response.limitExceeded, to: peer)
    case .gone: send(Response.gone, to: peer)
    case .deliveredThenReset, .reset:
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        peers[peer].descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
      close(peer)
    }
  }

  // MARK: - Peers

  /// Listens on a free port of loopback and returns the port.
  func listen(owner: Int) throws -> UInt16 {
    let descriptor = socket(AF_INET, Self.stream, 0)
    guard descriptor >= 0 else { throw SystemError("socket") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && Self.startListening(descriptor) && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard isListening else { throw SystemError("listen") }
    watch(descriptor, -1 - owner)
    return UInt16(bigEndian: address.sin_port)
  }

  #if canImport(Darwin)
    private static let stream = SOCK_STREAM
  #else
    private static let stream = Int32(SOCK_STREAM.rawValue)
  #endif

  private static func startListening(_ descriptor: Int32) -> Bool {
    // Sandboxes must not inherit it.
    fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 && fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0
      && listenDescriptor(descriptor, 1024) == 0
  }

  /// Closes a sandbox's listener and its connections.
  func close(owner: Int) {
    if let index = polledPeers.firstIndex(of: -1 - owner) {
      _ = closeDescriptor(polled[index].fd)
      unwatch(index)
    }
    for peer in 0..<peerCount where peers[peer].descriptor >= 0 && peers[peer].owner == owner { close(peer) }
  }

  private func watch(_ descriptor: Int32, _ peer: Int) {
    polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    polledPeers.append(peer)
  }

  private func unwatch(_ index: Int) {
    polled.swapAt(index, polled.count - 1)
    polledPeers.swapAt(index, polledPeers.count - 1)
    polled.removeLast()
    polledPeers.removeLast()
    if index < polled.count, polledPeers[index] >= 0 { peers[polledPeers[index]].pollIndex = index }
  }

  private func accept(_ listener: Int32, owner: Int) {
    while true {
      let descriptor = acceptDescriptor(listener)
      guard descriptor >= 0 else { return }
      guard !free.isEmpty || peerCount < Self.maximumPeers else {
        _ = closeDescriptor(descriptor)
        return
      }
      var option: Int32 = 1
      let size = socklen_t(MemoryLayout.size(ofValue: option))
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &option, size)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      let peer: Int
      if let reused = free.popLast() {
        peer = reused
      } else {
        peer = peerCount
        peerCount += 1
        (peers + peer).initialize(to: Peer())
      }
      peers[peer].descriptor = descriptor
      peers[peer].owner = owner
      peers[peer].pollIndex = polled.count
      watch(descriptor, peer)
    }
  }

  private func close(_ peer: Int) {
    guard peers[peer].descriptor >= 0 else { return }
    _ = closeDescriptor(peers[peer].descriptor)
    unwatch(peers[peer].pollIndex)
    peers[peer].descriptor = -1
    peers[peer].generation += 1
    peers[peer].length = 0
    peers[peer].skipped = 0
    outputs[peer] = nil
    // A post that was received is delivered, although its answer has no receiver.
    if !peers[peer].isScheduled { release(peer) }
  }

  private func release(_ peer: Int) { free.append(peer) }

  // MARK: - Requests

  private func receive(_ peer: Int) {
    while true {
      if peers[peer].skipped > 0, peers[peer].length == 0 {
        let count = discardBytes(peers[peer].descriptor, peers[peer].skipped)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return close(peer) }
        peers[peer].skipped -= count
        if peers[peer].skipped == 0 { admit(peer) }
        continue
      }
      let space = peers[peer].capacity - peers[peer].length
      guard space > 0 else { return close(peer) }
      let count = recv(peers[peer].descriptor, peers[peer].buffer + peers[peer].length, space, 0)
      if count == 0 { return close(peer) }
      guard count > 0 else {
        if errno == EAGAIN || errno == EINTR { return }
        return close(peer)
      }
      peers[peer].length += count
      process(peer)
      guard peers[peer].descriptor >= 0 else { return }
      if count < space { return }
    }
  }

  private func process(_ peer: Int) {
    if peers[peer].skipped > 0 {
      let count = min(peers[peer].skipped, peers[peer].length)
      peers[peer].skipped -= count
      peers[peer].consume(count)
      if peers[peer].skipped == 0 { admit(peer) }
      return
    }
    guard let head = RequestHead.length(peers[peer].buffer, peers[peer].length) else { return }
    let length = RequestHead.contentLength(peers[peer].buffer, head)
    if isPost(peer) { return processPost(peer, head: head, length: length) }
    peers[peer].reserve(head + length)
    guard peers[peer].length >= head + length else { return }
    let buffer = UnsafeBufferPointer(start: peers[peer].buffer, count: peers[peer].length)
    guard let request = RequestHead(UnsafeBufferPointer(rebasing: buffer[..<head])) else { return close(peer) }
    let body = Array(buffer[head..<head + length])
    peers[peer].consume(head + length)
    handle(peer, peers[peer].owner, request, body)
  }

  private func isPost(_ peer: Int) -> Bool {
    peers[peer].owner == 0 && peers[peer].length > Self.prefixLength + Room.idLength
      && memcmp(peers[peer].buffer, Self.prefix.utf8Start, Self.prefixLength) == 0
  }

  private static let prefix: StaticString = "POST /prod/@connections/"
  private static let prefixLength = prefix.utf8CodeUnitCount
  /// The start of a body, which identifies its frame.
  private static let identified = 256

  private func processPost(_ peer: Int, head: Int, length: Int) {
    let available = min(peers[peer].length - head, length)
    let identified = min(length, Self.identified)
    guard available >= identified else { return peers[peer].reserve(head + identified) }
    let id = UnsafeBufferPointer(start: peers[peer].buffer + Self.prefixLength, count: Room.idLength)
    guard let (room, number) = Room.parse(id), room < posts.rooms.count, number < posts.rooms[room].people else {
      return close(peer)
    }
    let key = Posts.key(peers[peer].buffer + head, identified, length: length)
    let frame: Int
    if let known = posts.frame(key) {
      frame = known
    } else {
      // A new frame is read as a whole.
      guard available == length else { return peers[peer].reserve(head + length) }
      let body = Array(UnsafeBufferPointer(start: peers[peer].buffer + head, count: length))
      frame = posts.register(body, room: room, key: key)
    }
    peers[peer].room = Int32(room)
    peers[peer].number = Int32(number)
    peers[peer].frame = Int32(frame)
    peers[peer].skipped = length - available
    peers[peer].consume(head + available)
    if peers[peer].skipped == 0 { admit(peer) }
  }

  private func admit(_ peer: Int) {
    let now = Clock.now()
    let (outcome, time) = posts.admit(room: Int(peers[peer].room), number: Int(peers[peer].number), now: now)
    peers[peer].outcome = outcome
    schedule(peer, after: time, now: now)
  }

  // MARK: - Responses

  /// A reference to a peer that ends when it closes.
  func reference(_ peer: Int) -> (peer: Int, generation: Int) { (peer, peers[peer].generation) }

  /// Sends a response if the peer is still connected.
  func send(_ bytes: [UInt8], to reference: (peer: Int, generation: Int)) {
    guard peers[reference.peer].generation == reference.generation, peers[reference.peer].descriptor >= 0 else {
      return
    }
    send(bytes, to: reference.peer)
  }

  private func send(_ bytes: [UInt8], to peer: Int) {
    let count = bytes.withUnsafeBytes { sendBytes(peers[peer].descriptor, $0.baseAddress, $0.count, 0) }
    if count == bytes.count { return }
    guard count >= 0 || errno == EAGAIN else { return close(peer) }
    outputs[peer] = bytes[max(0, count)...]
    polled[peers[peer].pollIndex].events = Int16(POLLIN | POLLOUT)
  }

  private func flush(_ peer: Int) {
    guard let output = outputs[peer] else { return }
    let count = output.withUnsafeBytes { sendBytes(peers[peer].descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 || errno == EAGAIN else { return close(peer) }
    let rest = output.dropFirst(max(0, count))
    outputs[peer] = rest.isEmpty ? nil : rest
    if rest.isEmpty { polled[peers[peer].pollIndex].events = Int16(POLLIN) }
  }
}
