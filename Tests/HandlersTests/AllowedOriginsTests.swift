import AWS
import Testing
import WebSocketAPI

@testable import Handlers

/// The web pages that may connect.
@Suite struct AllowedOriginsTests {
  private func event(_ headers: [String: [String]]) throws -> WebSocketEvent {
    let single = headers.map { "\"\($0.key)\":\"\($0.value.last ?? "")\"" }.joined(separator: ",")
    let multiple = headers.map { entry in
      "\"\(entry.key)\":[" + entry.value.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }
    return try WebSocketEvent(
      json: Array(
        #"""
        {"requestContext":{"connectionId":"a="},"headers":{\#(single)},"multiValueHeaders":{\#(multiple.joined(separator: ","))}}
        """#.utf8))
  }

  @Test("Only the listed origins, with the field's name in any case")
  func listed() throws {
    let origins = try AllowedOrigins("https://chat.example.com,http://localhost:8080,HTTPS://Other.Example:443")
    for origin in ["https://chat.example.com", "http://localhost:8080", "https://other.example"] {
      #expect(origins.allow(try event(["Origin": [origin]]), hasToken: false), "\(origin)")
      #expect(origins.allow(try event(["origin": [origin]]), hasToken: false), "\(origin)")
    }
    let others = [
      "http://chat.example.com", "https://chat.example.com:8443", "https://chat.example.com.evil.example",
      "https://evil.example/https://chat.example.com", "https://chat.example.co", "http://localhost", "null", "",
      "https://chat.example.com/", "https://chat.example.com, https://evil.example",
    ]
    for origin in others {
      #expect(!origins.allow(try event(["Origin": [origin]]), hasToken: true), "\(origin)")
    }
    #expect(!origins.allow(try event(["Origin": others + ["https://chat.example.com"]]), hasToken: true))
    #expect(!origins.allow(try event(["Origin": ["https://chat.example.com"] + others]), hasToken: true))
  }

  @Test("A handshake without an origin needs a token")
  func missing() throws {
    let origins = try AllowedOrigins("https://chat.example.com")
    #expect(origins.allow(try event(["Host": ["a"]]), hasToken: true))
    #expect(!origins.allow(try event(["Host": ["a"]]), hasToken: false))
  }

  @Test(
    "What is no origin is refused at the start",
    arguments: [
      ",", "chat.example.com", "https://", "https://a/path", "https://a/", "https://a?b", "https://u@a", "ftp://a", "*",
      "https://*.example.com", "null", "https://a,,https://b", "file:///a",
    ])
  func malformed(list: String) {
    let error = #expect(throws: ConfigurationError.self) { try AllowedOrigins(list) }
    #expect(error?.description.hasPrefix("ALLOWED_ORIGINS ") == true)
  }
}
