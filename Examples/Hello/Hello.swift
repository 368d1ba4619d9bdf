import RuntimeClient

/// A function from bytes to bytes: it answers `{"hello":EVENT}`.
@main struct Hello {
  static func main() {
    Lambda.run { event, context in
      context.logger.info("An event arrived.", ["bytes": .int(event.count)])
      return Array(#"{"hello":"#.utf8) + event + Array("}".utf8)
    }
  }
}
