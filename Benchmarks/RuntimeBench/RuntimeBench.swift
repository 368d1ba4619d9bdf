import Foundation
import Synchronization
import TestServers

/// Measures a runtime for scripts/bench: starts its process on the emulator, serves the same event repeatedly, and prints
/// one line of JSON.
///
///     RuntimeBench EVENT.json CHECKPOINT[,CHECKPOINT…] COMMAND [ARGUMENT…]
///
/// Each checkpoint is a number of invocations after which the process's memory, threads and file descriptors are sampled.
@main
enum RuntimeBench {
  /// The emulator's observations; durations in seconds.
  struct Times {
    var firstNext: ContinuousClock.Instant?
    var served: ContinuousClock.Instant?
    var invocations: [Double] = []
    var errors = 0
  }

  struct Sample: Encodable {
    let invocations: Int, residentKB: Int, threads: Int, fileDescriptors: Int
  }

  struct Report: Encodable {
    let startMs: Double, firstMs: Double, p50Ms: Double, p99Ms: Double, cpuMs: Double
    let errors: Int
    let samples: [Sample]
  }

  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let checkpoints = arguments.dropFirst().first?.split(separator: ",").compactMap { Int($0) } ?? []
    guard arguments.count >= 3, let last = checkpoints.last, let eventPath = arguments.first else {
      FileHandle.standardError.write(Data("usage: RuntimeBench EVENT.json CHECKPOINT[,…] COMMAND [ARGUMENT…]\n".utf8))
      exit(64)
    }
    let event = try String(contentsOfFile: eventPath, encoding: .utf8)
    let times = Mutex(Times())
    let events = (0..<last).map { RuntimeAPIEmulator.Event("id-\($0)", event) }
    let emulator = try RuntimeAPIEmulator(events) { call, _ in
      let now = ContinuousClock.now
      times.withLock { $0.record(call, at: now) }
      return nil
    }
    let process = Process()
    let command = arguments.dropFirst(2)
    process.executableURL = URL(fileURLWithPath: command.first ?? "")
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(["AWS_LAMBDA_RUNTIME_API": emulator.address]) {
      $1
    }
    let started = ContinuousClock.now
    try process.run()

    var samples: [Sample] = []
    // CPU time of the start and the first invocation, which is subtracted.
    var startCPU: Double?
    for checkpoint in checkpoints {
      while times.withLock({ $0.invocations.count }) < checkpoint {
        guard process.isRunning else { throw Failure("the process exited with \(process.terminationStatus)") }
        if startCPU == nil, times.withLock({ !$0.invocations.isEmpty }) {
          startCPU = processorSeconds(process.processIdentifier)
        }
        try await Task.sleep(for: .milliseconds(1))
      }
      samples.append(sample(process.processIdentifier, checkpoint))
    }
    let cpu = processorSeconds(process.processIdentifier) - (startCPU ?? 0)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()

    let result = times.withLock { $0 }
    let warm = result.invocations.dropFirst().sorted()
    let report = Report(
      startMs: (result.firstNext.map { started.duration(to: $0) / .seconds(1) } ?? 0) * 1000,
      firstMs: (result.invocations.first ?? 0) * 1000,
      p50Ms: (warm.isEmpty ? 0 : warm[warm.count / 2]) * 1000,
      p99Ms: (warm.isEmpty ? 0 : warm[warm.count * 99 / 100]) * 1000,
      cpuMs: warm.isEmpty ? 0 : cpu / Double(warm.count) * 1000, errors: result.errors, samples: samples)
    print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    emulator.stop()
  }

  struct Failure: Error {
    let message: String
    init(_ message: String) { self.message = message }
  }

  // MARK: - Samples from /proc

  static func sample(_ process: Int32, _ invocations: Int) -> Sample {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    func value(_ name: String) -> Int {
      let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
    }
    let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
    return Sample(
      invocations: invocations, residentKB: value("VmRSS"), threads: value("Threads"),
      fileDescriptors: descriptors ?? 0)
  }

  /// Returns the user and system time of all threads, in seconds.
  static func processorSeconds(_ process: Int32) -> Double {
    let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}

extension RuntimeBench.Times {
  mutating func record(_ call: RuntimeAPIEmulator.Call, at now: ContinuousClock.Instant) {
    switch call {
    case .next:
      if firstNext == nil { firstNext = now }
      served = now
    case .response, .error:
      if case .error = call { errors += 1 }
      if let served { invocations.append(served.duration(to: now) / .seconds(1)) }
    case .initError, .unknown:
      errors += 1
    }
  }
}
