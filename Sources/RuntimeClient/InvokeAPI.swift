import HTTP
import JSON

/// The Invoke operation of the Lambda API, as far as a local server has it; performs no I/O.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
struct InvokeAPI: Sendable {
  /// An event to handle.
  struct Call: Equatable {
    let payload: [UInt8]
    /// JSON about the client: `X-Amz-Client-Context`, decoded from base64.
    let clientContext: String?
    /// Whether the client does not wait for the result (`X-Amz-Invocation-Type: Event`).
    let isEvent: Bool
  }

  /// The reaction to a request.
  enum Action: Equatable {
    case invoke(Call)
    case respond(HTTPResponse)
  }

  /// The path for a function whose name does not matter.
  static let path = "/2015-03-31/functions/function/invocations"

  let loopback: LoopbackGuard

  /// Decides what to do with a request.
  func action(for request: ServerRequest) -> Action {
    if let reason = loopback.refusal(request.headers) {
      return .respond(Self.error(403, "AccessDeniedException", "The request is refused: \(reason)."))
    }
    guard Self.isInvocation(request.target) else {
      return .respond(
        Self.error(404, "ResourceNotFoundException", "The only path is /2015-03-31/functions/NAME/invocations."))
    }
    guard request.method == "POST" else {
      return .respond(Self.error(405, "MethodNotAllowedException", "Send the event with POST."))
    }
    // Lambda passes an empty event on as an empty object.
    let payload = request.body.isEmpty ? Array("{}".utf8) : request.body
    guard JSONText.isValid(payload) else {
      return .respond(
        Self.error(400, "InvalidRequestContentException", "Could not parse request body into json: it is not JSON."))
    }
    switch request.headers["X-Amz-Invocation-Type"] ?? "RequestResponse" {
    case "DryRun": return .respond(HTTPResponse(status: 204))
    case "RequestResponse": return call(payload, request.headers, isEvent: false)
    case "Event": return call(payload, request.headers, isEvent: true)
    case let type:
      return .respond(
        Self.error(
          400, "InvalidParameterValueException",
          "X-Amz-Invocation-Type is \(type.prefix(64).debugDescription): use RequestResponse, Event or DryRun."))
    }
  }

  private func call(_ payload: [UInt8], _ headers: HTTPHeaders, isEvent: Bool) -> Action {
    guard let text = headers["X-Amz-Client-Context"] else {
      return .invoke(Call(payload: payload, clientContext: nil, isEvent: isEvent))
    }
    guard let json = Base64.standard.decode(text.utf8), JSONText.isValid(json) else {
      return .respond(
        Self.error(400, "InvalidRequestContentException", "X-Amz-Client-Context is not JSON in base64."))
    }
    let context = String(decoding: json, as: UTF8.self)
    return .invoke(Call(payload: payload, clientContext: context, isEvent: isEvent))
  }

  /// `/2015-03-31/functions/NAME/invocations`, with any name.
  private static func isInvocation(_ target: String) -> Bool {
    let parts = target.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 5 && parts[0].isEmpty && parts[1] == "2015-03-31" && parts[2] == "functions"
      && !parts[3].isEmpty && parts[4] == "invocations"
  }

  // MARK: - Responses

  /// The response to an invocation.
  static func response(_ result: Result<[UInt8], FunctionError>, requestID: String) -> HTTPResponse {
    var headers: HTTPHeaders = [
      "Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST", "X-Amzn-RequestId": requestID,
    ]
    switch result {
    case .success(let payload): return HTTPResponse(status: 200, headers: headers, body: payload)
    case .failure(let error):
      headers["X-Amz-Function-Error"] = "Unhandled"
      return HTTPResponse(status: 200, headers: headers, body: error.body)
    }
  }

  /// The head of a streamed response. That of an HTTP response is the function's own, as a function URL has it.
  static func response(_ head: ResponseHead, requestID: String) -> HTTPResponse {
    switch head {
    case .raw(let contentType):
      return HTTPResponse(
        status: 200,
        headers: [
          "Content-Type": contentType, "X-Amz-Executed-Version": "$LATEST", "X-Amzn-RequestId": requestID,
        ])
    case .http(let status, let headers, let cookies):
      var fields: HTTPHeaders = ["X-Amzn-RequestId": requestID]
      let framing = ["content-length", "transfer-encoding", "connection", "trailer"]
      for field in headers.fields where !framing.contains(field.name.lowercased()) {
        fields.add(name: field.name, value: field.value)
      }
      for cookie in cookies { fields.add(name: "Set-Cookie", value: cookie) }
      return HTTPResponse(status: status, headers: fields)
    }
  }

  /// The response to an invocation that is accepted and not yet handled.
  static func accepted(requestID: String) -> HTTPResponse {
    HTTPResponse(status: 202, headers: ["X-Amzn-RequestId": requestID])
  }

  /// An error of the service, in the form that AWS's SDKs read.
  static func error(_ status: Int, _ type: String, _ message: String) -> HTTPResponse {
    var body = JSONObjectText()
    body.add("Message", message)
    body.add("Type", "User")
    return HTTPResponse(
      status: status, headers: ["Content-Type": "application/json", "X-Amzn-ErrorType": type], body: body.bytes)
  }
}
