import Foundation
import RuntimeAPIEmulator
import Testing

extension LoopbackServer {
  /// A URL of the server; the path, with its query, is taken as it stands.
  func url(_ path: String = "/") throws -> URL {
    try #require(URL(string: "http://\(address)\(path)", encodingInvalidCharacters: false))
  }
}
