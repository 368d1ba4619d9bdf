import RuntimeClient

/// An event: one order.
struct Order: Decodable {
  let id: Int
  let price: Double
}

/// A response: the total with value-added tax.
struct Receipt: Encodable, Equatable {
  let order: Int
  let total: Double
}

/// A value that is set up once, before the first invocation.
struct Tax {
  let percent: Double

  func receipt(for order: Order) throws -> Receipt {
    guard order.price >= 0 else {
      throw FunctionError(type: "InvalidPrice", message: "The price of order \(order.id) is negative.")
    }
    return Receipt(order: order.id, total: order.price * (1 + percent / 100))
  }
}

/// A function from JSON to JSON.
@main struct Orders {
  static func main() {
    Lambda.run(setUp: { Tax(percent: 20) }) { (order: Order, context: InvocationContext, tax: Tax) in
      context.logger.info("An order arrived.", ["id": .int(order.id)])
      return try tax.receipt(for: order)
    }
  }
}
