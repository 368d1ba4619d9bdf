/// A scenario, as `scripts/bench delivery` writes it. Times and rates are those of AWS; the model multiplies times by `factor`
/// and divides rates by it.
struct Configuration: Decodable {
  /// A Lambda function: a process of the executable for each sandbox.
  struct Function: Decodable {
    let name: String
    /// `_HANDLER`.
    let handler: String
    /// In seconds.
    let timeout: Double
  }

  /// A room of the table of connections, whose rows are computed from their number.
  struct Room: Decodable {
    let name: String
    let people: Int
    /// The share of connections that answer 429, from 0 to 1.
    let slow: Double
    /// The share of connections that are closed, from 0 to 1.
    let gone: Double
  }

  /// Messages of a room's people, each from another person.
  struct Sending: Decodable {
    let room: Int
    /// The time of the first message in seconds.
    let start: Double
    /// The seconds from one message to the next.
    let interval: Double
    let count: Int
  }

  /// A change of the account's quota.
  struct QuotaChange: Decodable {
    /// The share of the first room that is reached when it takes place.
    let share: Double
    let quota: Double
    /// Its duration in seconds.
    let seconds: Double
  }

  let executable: String
  /// The folder for the output of the processes.
  let logs: String
  let environment: [String: String]
  let factor: Double
  /// Requests a second, and the most requests that may exceed them in a burst.
  let quota: Double
  let burst: Double
  /// The response time of a post: the median in milliseconds, and the sigma of its logarithm.
  let latency: Double
  let latencySpread: Double
  /// The share of posts that end with a reset, half of them after the message was delivered.
  let resets: Double
  /// The response time of a table in milliseconds.
  let tableLatency: Double
  /// The start of a sandbox, besides that of the process, and the dispatch of an asynchronous event, in milliseconds.
  let coldStart: Double
  let dispatch: Double
  /// The sandboxes that may run at once, at first, and more of them every ten seconds.
  let concurrency: Int
  let concurrencyStep: Int
  /// The seconds before the first and the second retry of an asynchronous event.
  let retryDelays: [Double]
  /// The function of a client's message, and the one whose processes are killed.
  let sendFunction: String
  let deliverFunction: String
  let functions: [Function]
  let rooms: [Room]
  let sendings: [Sending]
  let quotaChanges: [QuotaChange]
  /// The shares of the first room that are reached when a busy process of `deliverFunction` is killed.
  let kills: [Double]
  /// The longest duration in seconds.
  let seconds: Double
}
