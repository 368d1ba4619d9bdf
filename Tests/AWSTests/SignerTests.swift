import Foundation
import HTTP
import Testing

@testable import AWS

@Suite struct SignerTests {
  let date = Date(timeIntervalSince1970: 1_440_938_160)  // 20150830T123600Z

  private func request(
    _ method: HTTPMethod, _ url: String, _ headers: HTTPHeaders = [:], body: String = ""
  ) throws -> HTTPRequest {
    HTTPRequest(method: method, url: try #require(URL(string: url)), headers: headers, body: Array(body.utf8))
  }

  private func signature(_ request: HTTPRequest) throws -> String {
    let authorization = try #require(request.headers["Authorization"])
    return String(authorization.suffix(64))
  }

  @Test("A post to a connection is signed, with and without a session token")
  func connection() throws {
    let request = try request(
      .post, "https://abc123.execute-api.us-east-1.amazonaws.com/prod/@connections/L0SM9cOFvHcCIhw%3D", body: "hello")
    let token = Credentials(
      accessKeyID: exampleCredentials.accessKeyID, secretAccessKey: exampleCredentials.secretAccessKey,
      sessionToken: "TOKEN")
    let signer = Signer(credentials: token, region: "us-east-1", service: "execute-api")

    let signed = signer.sign(request, at: date)
    let canonical = signer.canonicalRequest(signed).split(separator: "\n")
    #expect(canonical[1] == "/prod/%40connections/L0SM9cOFvHcCIhw%253D")
    #expect(
      signed.headers["Authorization"]
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, "
        + "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        + "Signature=6852ae6a4533323b80b142e4b5df892253b2f94b7057dd58ae57e19f628a3270")
    let withoutToken = Signer(credentials: exampleCredentials, region: "us-east-1", service: "execute-api")
    #expect(
      try signature(withoutToken.sign(request, at: date))
        == "90e361b2f936e9d875e90266377813bc35fc074ec467be7e71ea43528688b79c")
  }

  @Test("The three stages produce the same signature as sign")
  func stages() throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let signed = signer.sign(try request(.get, "https://example.amazonaws.com/"), at: date)
    let stringToSign = signer.stringToSign(signer.canonicalRequest(signed), at: date)
    #expect(stringToSign.hasPrefix("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"))
    #expect(try signer.signature(of: stringToSign, at: date) == signature(signed))
  }

  @Test("Signing again replaces the earlier signature")
  func again() throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let request = try request(.get, "https://example.amazonaws.com/")
    let signed = signer.sign(request, at: date)
    let later = date.addingTimeInterval(86_400)
    #expect(
      signer.sign(signed, at: later)
        == signer.sign(request, at: later))
    #expect(signer.sign(signed, at: date) == signed)
  }

  @Test("A signature with a cache equals one without, after a request that differs in any part")
  func cache() throws {
    let cache = SigningCache()
    let url = "https://example.com/a"
    let requests = [
      try request(.post, url), try request(.post, url, body: "one"), try request(.post, url, body: "two"),
      try request(.post, "https://example.com/b", body: "two"),
      try request(.post, "https://example.org/b", body: "two"),
      try request(.post, "https://example.org:80/b", body: "two"),
      try request(.post, "http://example.org:80/b", body: "two"),
      try request(.get, url, ["Content-Type": "a"]), try request(.get, url, ["Content-Type": "b"]),
      try request(.get, url, ["Host": "a"]), try request(.get, url, ["Authorization": "old", "X-Amz-Date": "old"]),
      try request(.post, url, body: String(repeating: "a", count: 200_000)), try request(.post, url),
    ]
    let credentials = [
      exampleCredentials, Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "other"),
      Credentials(accessKeyID: "OTHER", secretAccessKey: "other"),
      Credentials(accessKeyID: "OTHER", secretAccessKey: "other", sessionToken: "TOKEN"),
      Credentials(accessKeyID: "OTHER", secretAccessKey: "other", sessionToken: "OTHER"), exampleCredentials,
    ]
    for seconds in [0.0, 0.5, 1, 86_400, 0] {
      let date = date.addingTimeInterval(seconds)
      for credentials in credentials {
        let kept = Signer(credentials: credentials, region: "us-east-1", service: "service", cache: cache)
        let fresh = Signer(credentials: credentials, region: "us-east-1", service: "service")
        for request in requests {
          let expected = fresh.sign(request, at: date)
          #expect(kept.sign(request, at: date) == expected)
          #expect(kept.sign(request, at: date) == expected)
        }
      }
    }
  }

  /// From AWS's published test suite for Signature Version 4: service `service` in us-east-1.
  @Test(
    "Signatures equal those of AWS's test suite",
    arguments: [
      ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
      ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
      (
        "GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
      ),
      ("GET", "/example/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
      ("GET", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ])
  func published(method: String, target: String, expected: String) throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let request = try request(HTTPMethod(rawValue: method), "https://example.amazonaws.com\(target)")
    #expect(try signature(signer.sign(request, at: date)) == expected)
  }

  /// The example of the IAM user guide, "Signing AWS API requests".
  @Test("Canonical request and signature equal those of AWS's documentation")
  func documented() throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "iam")
    let signed = signer.sign(
      try request(
        .get, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        ["Content-Type": "application/x-www-form-urlencoded; charset=utf-8"]), at: date)
    #expect(
      signer.canonicalRequest(signed) == """
        GET
        /
        Action=ListUsers&Version=2010-05-08
        content-type:application/x-www-form-urlencoded; charset=utf-8
        host:iam.amazonaws.com
        x-amz-date:20150830T123600Z

        content-type;host;x-amz-date
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        """)
    #expect(try signature(signed) == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
  }

  @Test(
    "The signed Host field equals the Host field that is sent",
    arguments: [
      ("https://example.com/", "example.com"), ("https://example.com:443/", "example.com"),
      ("http://example.com:80/", "example.com"), ("https://example.com:80/", "example.com:80"),
      ("http://127.0.0.1:8000/", "127.0.0.1:8000"), ("http://[::1]:8000/", "[::1]:8000"), ("https://[::1]/", "[::1]"),
      ("http://127.1:8000/", "127.1:8000"), ("https://EXAMPLE.com/", "EXAMPLE.com"),
      ("https://[0:0:0:0:0:0:0:1]:8443/", "[0:0:0:0:0:0:0:1]:8443"),
    ])
  func host(url: String, expected: String) throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let canonical = signer.canonicalRequest(try request(.get, url))
    #expect(canonical.contains("\nhost:\(expected)\n"))
    // Explicit, because a transport may spell the host differently.
    #expect(signer.sign(try request(.get, url), at: date).headers["Host"] == expected)
  }

  @Test("Header fields that a proxy or the transport may change are not signed")
  func unsigned() throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let request = try request(
      .get, "https://example.com/",
      ["User-Agent": "a", "Connection": "close", "TE": "trailers", "X-Amzn-Trace-Id": "Root=1", "X-Mine": "a"])
    #expect(signer.canonicalRequest(request).contains("\n\nhost;x-mine\n"))
  }

  @Test("Dates from the year 1 to 9999 are formatted", arguments: [-62_135_596_800, 0, 253_402_300_799])
  func dates(seconds: Int) throws {
    let signer = Signer(credentials: exampleCredentials, region: "us-east-1", service: "service")
    let signed = signer.sign(
      try request(.get, "https://example.com/"),
      at: Date(timeIntervalSince1970: TimeInterval(seconds)))
    let timestamp = try #require(signed.headers["X-Amz-Date"])
    #expect(timestamp.utf8.count == 16)
    #expect(timestamp.wholeMatch(of: /[0-9]{8}T[0-9]{6}Z/) != nil)
  }
}
