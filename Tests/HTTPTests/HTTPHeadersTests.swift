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

  @Test("Characters that differ in the same bit as upper and lower case are not the same")
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
}
