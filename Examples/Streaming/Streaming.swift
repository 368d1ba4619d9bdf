import EventLoop
import RuntimeClient

/// An event: how far to count, and the pause between two numbers.
struct Countdown: Decodable {
  let from: Int
  let pauseMs: Int?

  /// The numbers to send.
  var numbers: [Int] {
    get throws {
      guard (0...1000).contains(from) else {
        throw FunctionError(type: "InvalidCountdown", message: "A countdown starts at 0 to 1000.")
      }
      return (0...from).reversed()
    }
  }
}

/// A function with a streamed response, for a function URL of the invoke mode `RESPONSE_STREAM`: server-sent events.
@main struct Streaming {
  static func main() {
    Lambda.run { (countdown: Countdown, response: ResponseStream, context: InvocationContext) in
      // An error up to here is the function's error; after `begin` it ends the response.
      let numbers = try countdown.numbers
      try response.begin(status: 200, headers: ["Content-Type": "text/event-stream", "Cache-Control": "no-store"])
      for number in numbers {
        try await response.write("data: \(number)\n\n")
        try await EventLoop.sleep(for: .milliseconds(countdown.pauseMs ?? 0))
      }
      context.afterResponse { context.logger.info("A countdown was sent.", ["from": .int(countdown.from)]) }
    }
  }
}
