import EventLoop

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

@main
enum Bootstrap {
  static func main() {
    let program = Program(
      arguments: Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
    // SIGTERM is how Lambda announces the end of a sandbox.
    let code = EventLoop().run(cancelledBy: SIGTERM) { await program.run() }
    // Not exit(): its handlers would tear down libraries that URLSession's threads are still using.
    _exit(code)
  }
}
