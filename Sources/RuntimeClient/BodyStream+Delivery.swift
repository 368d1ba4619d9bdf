import HTTP

extension BodyStream {
  /// Passes the body on whenever there is something to read, until its end.
  ///
  /// - Parameter deliver: Receives bytes, on the writer's thread; false fails the body.
  func deliver(_ deliver: @escaping @Sendable ([UInt8]) -> Bool) {
    let readAll: @Sendable () -> Void = { [weak self] in
      var bytes = [UInt8](repeating: 0, count: 16_384)
      while let self, case .bytes(let count) = bytes.withUnsafeMutableBytes({ self.read(into: $0) }) {
        guard deliver(Array(bytes.prefix(count))) else { return self.fail(StreamEnded()) }
      }
    }
    onReadable(readAll)
    readAll()
  }
}
