import EventLoop
import Log
import RuntimeClient

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A function of one's own on the runtime: it answers with its event, or with as many bytes as `{"bytes": …}` asks for.
@main
enum Echo {
  struct Request: Decodable {
    let bytes: Int
  }

  static func main() {
    let environment = ProcessInfo.processInfo.environment
    let logger = Logger(environment: environment)
    EventLoop().run(cancelledBy: SIGTERM) {
      do {
        try await serve(environment, logger)
      } catch {
        logger.fatal("The process ends.", error: error)
        exit(1)
      }
    }
  }

  private static func serve(_ environment: [String: String], _ logger: Logger) async throws {
    let client = try RuntimeAPIClient(
      address: environment["AWS_LAMBDA_RUNTIME_API"] ?? "", transports: RuntimeAPITransports(),
      function: LambdaFunction(environment: environment), logger: logger)
    try await Runtime(client: client, logger: logger) { event, context in
      context.logger.info("An event came.", ["bytes": .int(event.count)])
      guard let request = try? JSONDecoder().decode(Request.self, from: Data(event)), request.bytes > 0 else {
        return event
      }
      return [UInt8](repeating: UInt8(ascii: " "), count: request.bytes)
    }.run()
  }
}
