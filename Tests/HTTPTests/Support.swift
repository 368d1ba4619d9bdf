import Foundation
import HTTP
import TestServers
import Testing

extension LoopbackServer {
  /// A URL of the server with this path and query, percent-encoded as given.
  func url(_ path: String = "/") throws -> URL {
    try #require(URL(string: "http://\(address)\(path)", encodingInvalidCharacters: false))
  }
}

/// The transports that send request bodies, whose behaviour is the same.
enum BodyTransport: CaseIterable {
  case curl, socket

  /// Creates a transport, whose connect timeout no slow machine reaches.
  func make(connectTimeout: Duration = .seconds(60)) -> any HTTPTransport & AnyObject {
    switch self {
    case .curl: CurlTransport(connectTimeout: connectTimeout)
    case .socket: SocketTransport(connectTimeout: connectTimeout, maximumConnections: maximumConnections)
    }
  }

  /// The most connections of the transport. Few of that on sockets, because Foundation's `Process` reads beyond a buffer if
  /// the process has thousands of descriptors.
  var maximumConnections: Int {
    switch self {
    case .curl: CurlTransport.maximumConnections
    case .socket: 100
    }
  }

  /// The fields that the transport adds to a request with a body.
  var ownFields: [String] {
    switch self {
    case .curl: ["Host", "Accept", "Content-Length"]
    case .socket: ["Host", "Content-Length"]
    }
  }
}
