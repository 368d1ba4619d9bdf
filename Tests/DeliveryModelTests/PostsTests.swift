import Testing

@testable import DeliveryModel

/// The quota, the outcomes of posts, and the counts of deliveries.
@Suite struct PostsTests {
  @Test("A bucket admits its burst and then its rate, and no more than its burst after a pause")
  func bucket() {
    var bucket = TokenBucket(rate: 1000, burst: 50, now: 0)
    func admitted(_ requests: Int, at now: Microseconds) -> Int { (0..<requests).count { _ in bucket.take(now: now) } }
    #expect(admitted(100, at: 0) == 50)
    #expect(admitted(100, at: 10_000) == 10)
    #expect(admitted(1000, at: 10_000_000) == 50)
  }

  @Test("Half the quota admits half the requests")
  func change() {
    var bucket = TokenBucket(rate: 1000, burst: 100, now: 0)
    for _ in 0..<100 { _ = bucket.take(now: 0) }
    bucket.refill(now: 50_000)
    bucket.rate = 500
    // 50 for the first half, 25 for the second.
    #expect((0..<100).count { _ in bucket.take(now: 100_000) } == 75)
  }

  @Test("Response times have the median and the spread of the configuration")
  func latency() {
    let latency = LatencyDistribution(median: 15, spread: 0.5)
    var randomness = Randomness(seed: 3)
    let samples = (0..<20_000).map { _ in latency.sample(&randomness) }.sorted()
    #expect(abs(samples[10_000] - 15_000) < 1000)
    // e to the power of 0.5 · 2.33
    #expect(abs(samples[19_800] - 48_000) < 5000)
  }

  @Test("The messages of a frame are found, gathered or alone")
  func messages() {
    let one = #"{"type":"message","id":"a","message":{"n":12,"text":"x"}}"#
    #expect(Frame.messages(in: Array(one.utf8)) == [12])
    #expect(Frame.messages(in: Array("{\"messages\":[\(one),\(one.replacing("12", with: "7"))]}".utf8)) == [12, 7])
    #expect(Frame.messages(in: Array(#"{"type":"error"}"#.utf8)).isEmpty)
  }

  @Test("Missed, single and repeated deliveries are told apart, and lost answers from repetitions")
  func counts() {
    let room = Room(.init(name: "large", people: 7, slow: 0, gone: 0), index: 0)
    let frames = (0..<2).map { _ in Frame(body: Array(#"{"n":1}"#.utf8), room: room) }
    for person in 0..<5 { frames[0].deliver(to: person, isAnswerLost: person == 1, at: 1000) }
    // Once more after a lost answer, once more without, and once more in another frame.
    for person in [1, 2] { frames[0].deliver(to: person, isAnswerLost: false, at: 2000) }
    frames[1].deliver(to: 3, isAnswerLost: false, at: 250_000)
    // The sender, who is answered first.
    for _ in 0..<2 { frames[0].deliver(to: 6, isAnswerLost: false, at: 3000) }
    let report = Report.MessageReport(Message(number: 1, room: room, sender: 6, sent: 0), frames: frames)
    #expect((report.missed, report.once, report.more, report.repeated, report.most) == (1, 3, 3, 2, 2))
    #expect(frames[0].reached == 6 && frames[0].reachedPerBucket == [6])
    #expect(frames[1].reachedPerBucket == [0, 0, 1])
  }

  @Test("The shares of slow and gone connections are those of the configuration, and repeatable")
  func kinds() {
    let rooms = (0..<2).map { _ in Room(.init(name: "large", people: 20_000, slow: 0.01, gone: 0.02), index: 0) }
    let slow = (0..<20_000).count { rooms[0].kind($0) == .slow }
    let gone = (0..<20_000).count { rooms[0].kind($0) == .gone }
    #expect((150...250).contains(slow) && (330...470).contains(gone))
    #expect(rooms[0].readers == 20_000 - slow - gone)
    #expect((0..<20_000).allSatisfy { rooms[0].kind($0) == rooms[1].kind($0) })
  }

  @Test("Timers fire in the order of their times, those of one time in the order of their creation")
  func timers() {
    var timers = Timers()
    var fired: [Int] = []
    for (number, due) in [5, 3, 9, 3, 1].enumerated() { timers.add(at: Microseconds(due)) { fired.append(number) } }
    while let action = timers.pop(now: 5) { action() }
    #expect(fired == [4, 1, 3, 0])
    #expect(timers.next == 9)
  }
}
