import Foundation
import Testing

@testable import HTTP

struct ProxyCredentialsTests {
  @Test(
    "A proxy's user and password are removed from libcurl's messages",
    arguments: [
      "Unsupported proxy syntax in 'http://user:pass@proxy:x': Port number was not a decimal number between 0 and 65535",
      "Unsupported proxy syntax in 'http://user:pass': Port number was not a decimal number between 0 and 65535",
      "Unsupported proxy syntax in 'http://user:pa'ss@proxy:x'", "Unsupported proxy scheme for 'x://user:pass@proxy'",
      "Unsupported proxy syntax in 'user:pass word@proxy'", "Unsupported proxy syntax in 'http://user:pa/ss@proxy:x'",
      "Unsupported proxy 'https://user:pass@proxy', libcurl is built without the HTTPS-proxy support.",
      "no route to http://user:pass@host:80/path", "http://us@er:pass@host, http://user:pass@other",
    ])
  func removesCredentials(message: String) throws {
    let request = HTTPRequest(method: .get, url: try #require(URL(string: "https://example.com/")))
    let error = HTTPError(.other, request, detail: message)
    for secret in ["user", "pass", "pa'ss", "pa/ss", "word", "us@er"] {
      #expect(!error.description.contains(secret), "\(error)")
    }
  }

  @Test(
    "Other messages stay as they are",
    arguments: [
      "", "no connection in time", "Could not resolve proxy: proxy.example", "CONNECT tunnel failed, response 403",
      "POST https://example.com/prod/@connections/L0SM=", "it's one quote", "Couldn't connect to 'host'", "a@b ://",
    ])
  func keepsOthers(message: String) {
    #expect(message.withoutProxyCredentials == message)
  }
}
