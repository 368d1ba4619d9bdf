import Testing
import WebSocketAPI

/// Events as API Gateway sends them, and everything else.
@Suite struct WebSocketEventTests {
  private func event(_ json: String) throws(InvalidEvent) -> WebSocketEvent {
    try WebSocketEvent(json: Array(json.utf8))
  }

  @Test("Every field of a CONNECT event is read")
  func connect() throws {
    let event = try event(
      """
      {"headers":{"Host":"abc123.execute-api.us-east-1.amazonaws.com","Sec-WebSocket-Protocol":"chat, v2"},
       "multiValueHeaders":{"Host":["abc123.execute-api.us-east-1.amazonaws.com"],"Sec-WebSocket-Protocol":["chat","v2"]},
       "queryStringParameters":{"room":"caf\\u00e9","a":"2"},
       "multiValueQueryStringParameters":{"room":["caf\\u00e9"],"a":["1","2"]},
       "stageVariables":{"table":"Connections"},
       "requestContext":{"routeKey":"$connect","disconnectStatusCode":null,"messageId":null,"eventType":"CONNECT",
        "extendedRequestId":"TXa3BGZfliAFzfg=","requestTime":"25/Nov/2026:18:00:00 +0000","messageDirection":"IN",
        "disconnectReason":null,"stage":"dev","connectedAt":1795456800000,"requestTimeEpoch":1795456800123,
        "identity":{"sourceIp":"203.0.113.7","userAgent":"curl/8","accountId":null,"apiKey":"k","apiKeyId":"ki",
         "accessKey":"ak","caller":"c","user":"u","userArn":"arn:u","principalOrgId":"o-1","cognitoIdentityId":"ci",
         "cognitoIdentityPoolId":"cp","cognitoAuthenticationType":"authenticated","cognitoAuthenticationProvider":"p"},
        "authorizer":{"principalId":"user-1","integrationLatency":123,"isAdmin":true,"scopes":["a", "b"],"none":null},
        "requestId":"TXa3BGZfliAFzfg=","domainName":"abc123.execute-api.us-east-1.amazonaws.com",
        "connectionId":"L0SM9cOFvHcCIhw=","apiId":"abc123"},
       "isBase64Encoded":false}
      """)
    let context = event.requestContext
    #expect(context.connectionId == "L0SM9cOFvHcCIhw=")
    #expect((context.eventType, context.routeKey) == ("CONNECT", "$connect"))
    #expect((context.stage, context.apiId) == ("dev", "abc123"))
    #expect(context.domainName == "abc123.execute-api.us-east-1.amazonaws.com")
    #expect((context.requestId, context.extendedRequestId) == ("TXa3BGZfliAFzfg=", "TXa3BGZfliAFzfg="))
    #expect(context.requestTime == "25/Nov/2026:18:00:00 +0000")
    #expect((context.connectedAt, context.requestTimeEpoch) == (1_795_456_800_000, 1_795_456_800_123))
    #expect(context.messageDirection == "IN")
    #expect(context.messageId == nil)
    #expect(context.disconnectStatusCode == nil)
    #expect(context.disconnectReason == nil)
    #expect(
      context.authorizer
        == ["principalId": "user-1", "integrationLatency": "123", "isAdmin": "true", "scopes": #"["a", "b"]"#])
    let identity = context.identity
    #expect((identity.sourceIp, identity.userAgent) == ("203.0.113.7", "curl/8"))
    #expect((identity.apiKey, identity.apiKeyId, identity.accessKey) == ("k", "ki", "ak"))
    #expect((identity.caller, identity.user, identity.userArn) == ("c", "u", "arn:u"))
    #expect((identity.principalOrgId, identity.accountId) == ("o-1", nil))
    #expect((identity.cognitoIdentityId, identity.cognitoIdentityPoolId) == ("ci", "cp"))
    #expect((identity.cognitoAuthenticationType, identity.cognitoAuthenticationProvider) == ("authenticated", "p"))
    #expect(event.header("sec-websocket-protocol") == "chat, v2")
    #expect(event.header("Origin") == nil)
    #expect(event.multiValueHeaders["Sec-WebSocket-Protocol"] == ["chat", "v2"])
    #expect(event.queryStringParameters == ["room": "café", "a": "2"])
    #expect(event.multiValueQueryStringParameters == ["room": ["café"], "a": ["1", "2"]])
    #expect(event.stageVariables == ["table": "Connections"])
    #expect(event.body == nil)
    #expect(!event.isBase64Encoded)
  }

  @Test("A DISCONNECT event has the close code and the reason")
  func disconnect() throws {
    let context = try event(
      """
      {"requestContext":{"connectionId":"a=","eventType":"DISCONNECT","disconnectStatusCode":1005,
       "disconnectReason":"Client-side close frame status not set"}}
      """
    ).requestContext
    #expect(context.disconnectStatusCode == 1005)
    #expect(context.disconnectReason == "Client-side close frame status not set")
  }

  @Test("A MESSAGE event has the message and its id")
  func message() throws {
    let event = try event(
      #"{"requestContext":{"connectionId":"a=","eventType":"MESSAGE","messageId":"m="},"body":"e30=","isBase64Encoded":true}"#
    )
    #expect(event.requestContext.messageId == "m=")
    #expect((event.body, event.isBase64Encoded) == ("e30=", true))
  }

  @Test("Null and absent fields are the same", arguments: ["", #","body":null,"isBase64Encoded":null,"headers":null"#])
  func absentFields(fields: String) throws {
    let event = try event(#"{"requestContext":{"connectionId":"a=","eventType":null}\#(fields)}"#)
    #expect(event.requestContext.eventType == nil)
    #expect(event.body == nil)
    #expect(!event.isBase64Encoded)
    #expect(event.headers.isEmpty)
    #expect(event.requestContext.authorizer.isEmpty)
  }

  @Test(
    "Fields that the chat does not need may have any value",
    arguments: [
      "7", "[]", "{}", "\"text\"", "null", "true", #"{"a":7}"#, #"{"a":[7]}"#, #"{"\ud800":"\ud800"}"#, "1e400", "0.5",
      #"{"a":{"b":[{}]}}"#,
    ])
  func unexpectedValues(value: String) throws {
    for name in ["headers", "multiValueHeaders", "queryStringParameters", "stageVariables", "resource"] {
      _ = try event(#"{"\#(name)":\#(value),"requestContext":{"connectionId":"a="}}"#)
    }
    for name in ["identity", "authorizer", "connectedAt", "requestTimeEpoch", "messageId", "routeKey", "status"] {
      let event = try event(#"{"requestContext":{"\#(name)":\#(value),"connectionId":"a="},"body":"b"}"#)
      #expect(event.body == "b")
    }
  }

  @Test(
    "An event of another kind is refused, and the error quotes nothing of it",
    arguments: [
      ("", "it is not JSON"), ("secret", "it is not JSON"), ("null", "it is not an object"),
      ("[]", "it is not an object"), ("\"secret\"", "it is not an object"),
      ("{}", "requestContext.connectionId is missing"),
      (#"{"requestContext":"secret"}"#, "requestContext is of the wrong type"),
      (#"{"requestContext":{}}"#, "requestContext.connectionId is missing"),
      (#"{"requestContext":{"connectionId":7}}"#, "requestContext.connectionId is of the wrong type"),
      (#"{"requestContext":{"connectionId":""}}"#, "requestContext.connectionId is empty"),
      (#"{"requestContext":{"connectionId":"a","stage":7}}"#, "requestContext.stage is of the wrong type"),
      (#"{"requestContext":{"connectionId":"a"},"body":{"a":"secret"}}"#, "body is of the wrong type"),
      (#"{"requestContext":{"connectionId":"a"},"body":"\ud800"}"#, "body is of the wrong type"),
      (#"{"requestContext":{"connectionId":"a"},"isBase64Encoded":"secret"}"#, "isBase64Encoded is of the wrong type"),
      (#"{"requestContext":{"connectionId":"a"},"body":"secret""#, "it is not JSON"),
      (#"{"requestContext":{"connectionId":"a"}} secret"#, "it is not JSON"),
      (String(repeating: "[", count: 100_000), "it is not JSON"),
    ])
  func invalidEvent(json: String, problem: String) {
    let error = #expect(throws: InvalidEvent.self) { try event(json) }
    #expect(error?.description == "The event is not one of an API Gateway WebSocket API: \(problem).")
  }

  @Test("An event with a byte-order mark is read, as the command line reads it", arguments: [false, true])
  func byteOrderMark(isUTF16: Bool) throws {
    let json = #"{"requestContext":{"connectionId":"c"},"body":"ü"}"#
    let utf16: [UInt8] = [0xFF, 0xFE] + json.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] as [UInt8] }
    let event = try WebSocketEvent(json: isUTF16 ? utf16 : [0xEF, 0xBB, 0xBF] + Array(json.utf8))
    #expect(event.body == "ü")
  }

  @Test("Bytes that are not UTF-8 are refused in the fields that are read")
  func invalidUTF8() {
    let json = Array(#"{"requestContext":{"connectionId":"a"},"body":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
    #expect(throws: InvalidEvent.self) { try WebSocketEvent(json: json) }
  }

  @Test("Descriptions and dumps show no header, query, body, API key or authorizer context")
  func noSecrets() throws {
    let event = try event(
      """
      {"headers":{"Authorization":"SECRET"},"queryStringParameters":{"token":"SECRET"},"body":"SECRET",
       "requestContext":{"connectionId":"a=","eventType":"CONNECT","identity":{"apiKey":"SECRET","sourceIp":"::1"},
       "authorizer":{"key":"SECRET"}}}
      """)
    for value in [event, event.requestContext, event.requestContext.identity, [event]] as [Any] {
      var text = ""
      dump(value, to: &text)
      #expect(!(text + "\(value)" + String(reflecting: value)).contains("SECRET"))
    }
    #expect("\(event)" == "WebSocketEvent(CONNECT a=)")
  }

  @Test("A response is the JSON of a proxy integration; empty headers and an empty body are omitted")
  func response() {
    #expect(
      String(decoding: WebSocketResponse(200, "Message \"sent\".").json(), as: UTF8.self)
        == #"{"body":"Message \"sent\".","statusCode":200}"#)
    let response = WebSocketResponse(200, headers: ["Sec-WebSocket-Protocol": "chat", "A": "a/\\"])
    #expect(
      String(decoding: response.json(), as: UTF8.self)
        == #"{"headers":{"A":"a/\\","Sec-WebSocket-Protocol":"chat"},"statusCode":200}"#)
  }

  @Test(
    "The message is the frame's bytes",
    arguments: [
      (#""a\u00e9\n""#, false, Array("aé\n".utf8)), (#""""#, false, []), ("null", false, nil),
      (#""AP8K""#, true, [0, 255, 10]),
      (#""AP8K!""#, true, nil), (#""""#, true, []),
    ] as [(String, Bool, [UInt8]?)])
  func message(body: String, isBase64Encoded: Bool, expected: [UInt8]?) throws {
    let event = try event(
      #"{"requestContext":{"connectionId":"a"},"body":\#(body),"isBase64Encoded":\#(isBase64Encoded)}"#)
    #expect(event.message == expected)
  }
}
