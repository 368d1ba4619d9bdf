import RuntimeClient

/// A function from bytes to bytes: it answers with its event.
@main struct Hello {
  static func main() {
    Lambda.run { event, context in
      context.logger.info("An event arrived.", ["bytes": .int(event.count)])
      return event
    }
  }
}
