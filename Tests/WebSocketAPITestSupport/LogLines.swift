import Log
import Synchronization

/// Log lines in memory.
package final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  package init() {}

  package var all: [String] { lines.withLock { $0 } }

  package func logger(level: Logger.Level = .info) -> Logger {
    Logger(level: level, sink: .function { line in self.lines.withLock { $0.append(line) } })
  }
}
