#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

// System calls whose names are those of the server's methods.

func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }

func acceptDescriptor(_ listener: Int32) -> Int32 { accept(listener, nil, nil) }

func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  send(descriptor, bytes, count, flags)
}

/// Receives up to a number of bytes and discards them. Linux does not copy them: frames of busy rooms have 100 KB.
func discardBytes(_ descriptor: Int32, _ count: Int) -> Int {
  #if os(Linux)
    recv(descriptor, nil, count, Int32(MSG_TRUNC))
  #else
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) {
      recv(descriptor, $0.baseAddress, min(count, $0.count), 0)
    }
  #endif
}

func listenDescriptor(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }

/// A failed system call.
struct SystemError: Error, CustomStringConvertible {
  private let call: String
  private let code = errno

  init(_ call: String) { self.call = call }

  var description: String { "\(call) failed: \(String(cString: strerror(code)))" }
}
