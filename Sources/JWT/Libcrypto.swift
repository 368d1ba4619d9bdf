import CCrypto

/// The libcrypto context in which keys are created and used.
enum Libcrypto {
  /// A separate context with the default provider, because the machine's configuration may have disabled that provider
  /// in the process's default context. `nil` if libcrypto cannot create it.
  nonisolated(unsafe) static let context: OpaquePointer? = {
    guard let context = OSSL_LIB_CTX_new() else { return nil }
    guard OSSL_PROVIDER_load(context, "default") != nil else {
      OSSL_LIB_CTX_free(context)
      return nil
    }
    return context
  }()

  /// Runs calls of libcrypto and removes the errors that they leave in the thread's queue, where libcurl's TLS on the
  /// same thread would find them.
  static func restoringErrorQueue<Value>(_ body: () throws(JWTError) -> Value) throws(JWTError) -> Value {
    ERR_set_mark()
    defer { ERR_pop_to_mark() }
    return try body()
  }
}
