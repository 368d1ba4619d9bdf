import Foundation
import HTTP
import Testing

@testable import RuntimeClient

/// The Invoke operation of `--serve`, without a socket.
struct InvokeAPITests {
  private let api = InvokeAPI(loopback: LoopbackGuard(port: 9000))

  private func action(
    _ headers: [(String, String)] = [], method: String = "POST", target: String = InvokeAPI.path, body: String = "{}"
  ) -> InvokeAPI.Action {
    var fields = HTTPHeaders()
    if !headers.contains(where: { $0.0 == "Host" }) { fields.add(name: "Host", value: "127.0.0.1:9000") }
    for (name, value) in headers { fields.add(name: name, value: value) }
    return api.action(for: ServerRequest(method: method, target: target, headers: fields, body: Array(body.utf8)))
  }

  private func refusal(_ action: InvokeAPI.Action) -> (status: Int, type: String?)? {
    guard case .respond(let response) = action else { return nil }
    return (response.status, response.headers["X-Amzn-ErrorType"])
  }

  @Test(
    "An event is invoked by any function's name, with or without a qualifier",
    arguments: ["function", "f", "a:1?Qualifier=1"])
  func invokes(name: String) {
    let target =
      "/2015-03-31/functions/\(name.replacing("?", with: "/invocations?"))\(name.contains("?") ? "" : "/invocations")"
    #expect(
      action(target: target) == .invoke(.init(payload: Array("{}".utf8), clientContext: nil, isEvent: false)))
  }

  @Test("X-Amz-Invocation-Type: Event does not wait, DryRun invokes nothing, others are refused")
  func types() {
    let type = "X-Amz-Invocation-Type"
    #expect(action([(type, "Event")]) == .invoke(.init(payload: Array("{}".utf8), clientContext: nil, isEvent: true)))
    #expect(action([(type, "DryRun")]) == .respond(HTTPResponse(status: 204)))
    #expect(refusal(action([(type, "Other")]))?.type == "InvalidParameterValueException")
  }

  @Test(
    "An empty event is an empty object, as in Lambda; one that is not JSON is refused", arguments: ["", "x", "{} {}"])
  func payload(body: String) {
    if body.isEmpty {
      #expect(action(body: body) == .invoke(.init(payload: Array("{}".utf8), clientContext: nil, isEvent: false)))
    } else {
      #expect(refusal(action(body: body))?.type == "InvalidRequestContentException")
    }
  }

  @Test("The client context is decoded from base64; one that is not JSON is refused")
  func clientContext() {
    let name = "X-Amz-Client-Context"
    let text = #"{"client":{}}"#
    #expect(
      action([(name, Data(text.utf8).base64EncodedString())])
        == .invoke(.init(payload: Array("{}".utf8), clientContext: text, isEvent: false)))
    #expect(refusal(action([(name, "%%")]))?.status == 400)
    #expect(refusal(action([(name, "eA==")]))?.status == 400)
  }

  @Test("Other paths and methods are refused")
  func paths() {
    for target in ["/", "/2015-03-31/functions//invocations", "/2015-03-31/functions/a/invocations/b", "*"] {
      #expect(refusal(action(target: target))?.status == 404)
    }
    #expect(refusal(action(method: "GET"))?.status == 405)
  }

  @Test(
    "What a web page can send is refused",
    arguments: [
      [("Origin", "http://evil.example")], [("Origin", "null")], [("Origin", "http://localhost:9000")],
      [("Origin", "http://127.0.0.1:9001")], [("Host", "evil.example")], [("Host", "evil.example:9000")],
      [("Host", "127.0.0.1:9001")], [("Host", "127.0.0.1")], [("Host", "127.0.0.1:9000@evil.example")],
      [("Host", "127.0.0.1:9000"), ("Host", "evil.example")], [("Host", "")], [("Sec-Fetch-Site", "cross-site")],
      [("Sec-Fetch-Site", "same-site")], [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")],
      [("User-Agent", "Mozilla/5.0")],
    ] as [[(String, String)]])
  func webPages(headers: [(String, String)]) {
    #expect(refusal(action(headers))?.status == 403)
  }

  @Test(
    "Commands, SDKs and the address bar are accepted",
    arguments: [
      [("User-Agent", "aws-cli/2.0")], [("Host", "localhost:9000")], [("Host", "[::1]:9000")],
      [("Origin", "http://127.0.0.1:9000"), ("Sec-Fetch-Site", "same-origin"), ("User-Agent", "Mozilla/5.0")],
      [("Sec-Fetch-Site", "none"), ("User-Agent", "Mozilla/5.0")],
    ] as [[(String, String)]])
  func commands(headers: [(String, String)]) {
    #expect(refusal(action(headers)) == nil)
  }

  @Test("A function's error is a response of 200 with its own field and body")
  func functionError() {
    let response = InvokeAPI.response(.failure(FunctionError(type: "A", message: "m")), requestID: "id-1")
    #expect(response.status == 200)
    #expect(response.headers["X-Amz-Function-Error"] == "Unhandled")
    #expect(response.headers["X-Amzn-RequestId"] == "id-1")
    #expect(String(decoding: response.body, as: UTF8.self) == #"{"errorMessage":"m","errorType":"A","stackTrace":[]}"#)
  }
}
