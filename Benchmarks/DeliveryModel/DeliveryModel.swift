import Foundation

/// Runs the bootstrap as many functions against a model of API Gateway, DynamoDB and Lambda, and prints a report.
///
///     DeliveryModel SCENARIO.json
@main
enum DeliveryModel {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: DeliveryModel SCENARIO.json\n".utf8))
      exit(64)
    }
    for number in [SIGINT, SIGTERM] { signal(number) { _ in isInterrupted.pointee = 1 } }
    let scenario = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
    let report = try Simulation(JSONDecoder().decode(Configuration.self, from: scenario)).run()
    print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
  }
}

/// Set by a signal, so that the processes are stopped before the program ends.
nonisolated(unsafe) let isInterrupted: UnsafeMutablePointer<sig_atomic_t> = {
  let flag = UnsafeMutablePointer<sig_atomic_t>.allocate(capacity: 1)
  flag.pointee = 0
  return flag
}()
