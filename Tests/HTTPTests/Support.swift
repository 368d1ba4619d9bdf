import Foundation
import TestServers
import Testing

extension LoopbackServer {
  /// A URL of the server with this path and query, percent-encoded as given.
  func url(_ path: String = "/") throws -> URL {
    try #require(URL(string: "http://\(address)\(path)", encodingInvalidCharacters: false))
  }
}
