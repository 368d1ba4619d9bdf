/// Actions at a time, in order.
struct Timers {
  typealias Action = () -> Void

  private var heap: [(due: Microseconds, number: Int, action: Action)] = []
  private var number = 0

  /// The time of the next action.
  var next: Microseconds? { heap.first?.due }

  mutating func add(at due: Microseconds, _ action: @escaping Action) {
    number += 1
    heap.append((due, number, action))
    var child = heap.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Removes the next action if its time has come.
  mutating func pop(now: Microseconds) -> Action? {
    guard let first = heap.first, first.due <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) { least = child }
      guard least != parent else { return first.action }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    (heap[left].due, heap[left].number) < (heap[right].due, heap[right].number)
  }
}
