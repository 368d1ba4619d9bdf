/// A function's handler, by the form of its response.
@usableFromInline enum FunctionHandler: Sendable {
  case buffered(Runtime.Handler)
  case streaming(Runtime.StreamingHandler)
}
