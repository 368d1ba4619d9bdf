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

func listenDescriptor(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }

/// A failed system call.
struct SystemError: Error, CustomStringConvertible {
  private let call: String
  private let code = errno

  init(_ call: String) { self.call = call }

  var description: String { "\(call) failed: \(String(cString: strerror(code)))" }
}
