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
    // SIGTERM is how Lambda announces the end of a sandbox. Blocked here it is blocked in every thread made from now
    // on, and comes out of sigwait below.
    var terminate = sigset_t()
    sigemptyset(&terminate)
    sigaddset(&terminate, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &terminate, nil)

    let program = Program(
      arguments: Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
    // A task from a synchronous main: an asynchronous one ends in pthread_exit, which costs a static executable 40 ms.
    // Detached, since main belongs to the main actor and that thread is about to wait.
    let work = Task.detached {
      let code = await program.run()
      // Not exit(): its handlers would tear down libraries that the transport's threads are still using.
      _exit(code)
    }

    var signal: Int32 = 0
    sigwait(&terminate, &signal)
    work.cancel()
    // Who asks a second time does not want to wait for what is under way.
    sigwait(&terminate, &signal)
    _exit(128 + signal)
  }
}
