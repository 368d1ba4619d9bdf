import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Errors of failed calls.
@Suite(.timeLimit(.minutes(10)))
struct AWSErrorTests {
  private func error(_ reply: Reply, attempts: Int = 1) async throws -> AWSError {
    let server = try LoopbackServer(reply)
    defer { server.stop() }
    let configuration = try AWSConfiguration(
      server, retryPolicy: RetryPolicy(maximumAttempts: attempts, transientBase: .milliseconds(1)))
    let dynamoDB = try DynamoDB(configuration)
    return try #require(
      await failure(AWSError.self) { try await dynamoDB.putItem(["id": .string("a")], table: "t") })
  }

  @Test(
    "The code is read without its namespace and URL",
    arguments: [
      Reply(400, text: #"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"m"}"#),
      Reply(400, text: #"{"code":"ResourceNotFoundException","Message":"m"}"#),
      Reply(400, text: #"{"__type":"ResourceNotFoundException:http://internal.amazon.com/coral/","message":"m"}"#),
      Reply(
        400, headers: ["x-amzn-ErrorType": "aws.x#ResourceNotFoundException:http://internal.amazon.com/a#b"],
        text: #"{"message":"m"}"#),
    ])
  func code(reply: Reply) async throws {
    let error = try await error(reply)
    #expect(error.code == "ResourceNotFoundException")
    #expect(error.message == "m")
    #expect(error.status == 400)
  }

  @Test("The description is one line with service, operation, status, code, message, request id and attempts")
  func description() async throws {
    let reply = Reply.error(500, "InternalServerError", headers: ["x-amzn-RequestId": "ID1"])
    #expect(
      "\(try await error(reply, attempts: 2))"
        == "DynamoDB PutItem: InternalServerError (HTTP 500): No. [request id ID1] after 2 attempts")
  }

  @Test(
    "Without a code in the body, the code is derived from the status",
    arguments: ["", "{", "[]", "{\"__type\":7}", "null"])
  func noCode(body: String) async throws {
    #expect(try await error(Reply(418, text: body)).code == "HTTP418")
    #expect(try await error(Reply(410, text: body)).code == "GoneException")
    #expect(try await error(Reply(429, text: body)).code == "TooManyRequestsException")
  }

  @Test("A proxy's page is quoted up to its first line")
  func excerpt() async throws {
    let page = "\n\n  <html><title>Forbidden</title>" + String(repeating: "x", count: 5000) + "\nsecond line"
    let message = try await error(Reply(403, text: page)).message
    #expect(message.hasPrefix("<html><title>Forbidden</title>xxx"))
    #expect(message.count == 300)
  }

  @Test("Codes, request ids, checksums and messages are printable and of bounded length")
  func boundsExternalText() async throws {
    let hostile = "A\u{202E}B\u{7F}\u{1B}[31mé" + String(repeating: "x", count: 1000)
    func json(_ text: String) throws -> String { String(decoding: try JSONEncoder().encode(text), as: UTF8.self) }
    // One character of 10,000 scalars.
    let combining = "e" + String(repeating: "\u{301}", count: 10_000)
    let error = try await error(
      Reply(
        418, headers: ["x-amzn-RequestId": String(repeating: "i", count: 5000)],
        text: "{\"__type\":\(try json(hostile)),\"message\":\(try json("\u{202E}\u{1B}m" + combining))}"))
    #expect(error.code.hasPrefix("A?B??[31m?xxx"))
    #expect(error.code.count == 128)
    #expect(error.requestID == String(repeating: "i", count: 128))
    #expect(error.message.unicodeScalars.starts(with: "\u{FFFD}\u{FFFD}me".unicodeScalars))
    #expect(error.message.unicodeScalars.count == 300)
    let checksum = try await self.error(
      Reply(200, headers: ["x-amz-crc32": String(repeating: "1", count: 3000)], text: "{}"))
    #expect(checksum.message.utf8.count < 250)
    #expect(ExternalText.identifier("a\u{2066}\r\n\u{200B}b") == "a????b")
    #expect(ExternalText.firstLine(" \n\u{85}one\u{2028}two") == "one")
  }

  @Test("A session token in a response never appears in the message")
  func noToken() async throws {
    let message = #"""
      {"message":"The request signature we calculated does not match the signature you provided.\n\nThe Canonical String \#
      for this request should have been\n'POST\n/\n\nhost:a\nx-amz-security-token:SECRET\n'"}
      """#
    let error = try await error(
      Reply(403, headers: ["x-amzn-ErrorType": "InvalidSignatureException"], text: message))
    #expect(error.message.hasPrefix("The request signature we calculated"))
    #expect(!"\(error)".contains("SECRET"))
  }

  @Test(
    "A status of 200 with an invalid body is an error that does not quote the body",
    arguments: [
      Reply(200), Reply(200, text: "<html>secret</html>"), Reply(200, text: "{"), Reply(200, text: "[]"),
      Reply(200, text: "null"), Reply(200, headers: ["x-amz-crc32": "1"], text: #"{"secret":1}"#),
      Reply(200, headers: ["x-amz-crc32": "secret"], text: "{}"),
      Reply(200, headers: ["x-amz-crc32": "-1"], text: "{}"),
    ])
  func invalidSuccess(reply: Reply) async throws {
    let error = try await error(reply)
    #expect(error.code == AWSError.invalidResponse)
    #expect(error.status == 200)
    #expect(!error.message.contains("<html>"))
    #expect(!error.message.contains("{"))
  }

  @Test("A truncated response is an error, with Content-Length and with chunks")
  func cutShort() async throws {
    for reply in [
      Reply(200, text: #"{"Attributes":{}}"#).with(.close(after: 45)),
      Reply(200, body: Array(#"{"Attributes":{}}"#.utf8), framing: .chunked(5)).with(.close(after: 65)),
      Reply(200, headers: ["Content-Length": "999"], text: "{}").with(.closeWhenIdle),
    ] {
      let error = try await error(reply)
      #expect(error.code == AWSError.noResponse, "\(error)")
    }
  }

  @Test("A matching checksum is accepted")
  func checksum() async throws {
    let body = #"{"Items":[],"Count":0}"#
    let server = try LoopbackServer(
      Reply(200, headers: ["x-amz-crc32": "\(crc32(Array(body.utf8)))"], text: body))
    defer { server.stop() }
    let page = try await DynamoDB(AWSConfiguration(server)).scan(table: "t", attributes: ["id"])
    #expect(page == DynamoDB.Page(items: [], lastEvaluatedKey: nil))
    #expect(crc32(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(crc32([]) == 0)
  }
}
