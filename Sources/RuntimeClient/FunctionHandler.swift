/// A function's handler, by the form of its response.
enum FunctionHandler: Sendable {
  case buffered(Runtime.Handler)
  case streaming(Runtime.StreamingHandler)
}
