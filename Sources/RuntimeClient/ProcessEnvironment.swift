#if canImport(Glibc)
  // The C library declares `environ` as a variable.
  @preconcurrency import Glibc
#elseif canImport(Musl)
  @preconcurrency import Musl
#else
  import Darwin
#endif

/// The environment of the process.
package enum ProcessEnvironment {
  /// Reads all variables. `ProcessInfo.environment` looks for each name's end by characters: with the variables of Lambda,
  /// a sixth of the instructions of a start.
  package static func variables() -> [String: String] {
    #if canImport(Darwin)
      var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = _NSGetEnviron().pointee
    #else
      var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
    #endif
    var variables: [String: String] = [:]
    while let entry = next?.pointee {
      let text = UnsafeRawBufferPointer(start: entry, count: strlen(entry))
      if let end = text.firstIndex(of: UInt8(ascii: "=")) {
        variables[String(decoding: text[..<end], as: UTF8.self)] = String(decoding: text[(end + 1)...], as: UTF8.self)
      }
      next = next?.advanced(by: 1)
    }
    return variables
  }
}
