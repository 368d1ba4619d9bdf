import HTTP
import Testing

struct HTTPHeadersTests {
  @Test("Names are compared without regard to case")
  func caseInsensitive() {
    let headers: HTTPHeaders = ["Content-Type": "a"]
    #expect(headers["content-type"] == "a")
    #expect(headers["CONTENT-TYPE"] == "a")
    #expect(headers["Content_Type"] == nil)
  }

  @Test("Only letters ignore case: other characters that differ in the same bit stay different")
  func similarCharacters() {
    let headers: HTTPHeaders = ["a@b": "1", "x[": "2"]
    #expect(headers["a`b"] == nil)
    #expect(headers["x{"] == nil)
  }

  @Test("Setting replaces every line of a name, adding keeps them, nil removes them")
  func mutation() {
    var headers: HTTPHeaders = ["a": "1", "b": "2", "A": "3"]
    headers.add(name: "b", value: "4")
    headers["a"] = "5"
    #expect(headers.fields.map { "\($0.name)=\($0.value)" } == ["b=2", "b=4", "a=5"])
    headers["B"] = nil
    #expect(headers.fields.count == 1)
  }

  @Test("Descriptions and dumps of headers and requests show no credentials")
  func noSecrets() {
    let request = HTTPRequest(
      method: .post, scheme: "https", authority: "user:SECRET@example.com", path: "/a?X-Amz-Security-Token=SECRET",
      headers: [
        "authorization": "SECRET", "X-Amz-Security-Token": "SECRET", "Proxy-Authorization": "SECRET",
        "Cookie": "SECRET", "X-Amz-Date": "20261125T000000Z",
      ], body: Array("SECRET".utf8))
    var dumps = ["\(request)", String(reflecting: request), "\(request.headers)", "\(request.headers.fields)"]
    for value in [request, request.headers, request.headers.fields, [request]] as [Any] {
      var text = ""
      dump(value, to: &text)
      dumps += [text, "\(value)", String(reflecting: value)]
    }
    for text in dumps {
      #expect(!text.contains("SECRET"))
      #expect(!text.contains("83, 69, 67"))
    }
    #expect(
      "\(request)".hasPrefix("POST https://example.com/a [authorization: (redacted), X-Amz-Security-Token: (redacted)"))
    #expect("\(request)".hasSuffix("X-Amz-Date: 20261125T000000Z] (6 bytes)"))
  }
}
