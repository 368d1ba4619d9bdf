import EventLoop
import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Environment variables with stray characters.
@Suite struct EnvironmentTests {
  private static let complete = ["AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]

  private func message(_ name: String, _ value: String) -> String? {
    do {
      _ = try AWSConfiguration(environment: Self.complete.merging([name: value]) { $1 }, transport: transport)
      return nil
    } catch { return error.description }
  }

  @Test(
    "Stray characters are refused by name, without the value",
    arguments: [
      ("VALUE\n", "ends with a line break"), ("VALUE\r\n", "ends with a line break"), ("VALUE ", "ends with a space"),
      ("VALUE\t", "ends with a tab"), (" VALUE", "begins with a space"), ("\nVALUE", "begins with a line break"),
      ("\u{FEFF}VALUE", "begins with an invisible character (U+FEFF)"), ("VALUE\0", "ends with a NUL character"),
      ("VAL\0UE", "contains a NUL character"), ("VAL\nUE", "contains a line break"), ("VAL UE", "contains a space"),
      ("VAL\u{A0}UE", "contains white space (U+00A0)"), ("VALUE\u{200B}", "ends with an invisible character (U+200B)"),
      ("VALUE\u{2028}", "ends with a line break"), ("VAL\u{1B}UE", "contains an invisible character (U+001B)"),
      ("VAL\u{202E}UE", "contains an invisible character (U+202E)"),
      ("VAL\u{FFFD}UE", "contains bytes that are not UTF-8"),
      ("\n", "begins with a line break"),
    ],
    [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL",
      "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "AWS_MAX_ATTEMPTS",
    ])
  func refusesStrayCharacters(value: (text: String, problem: String), name: String) throws {
    let message = try #require(self.message(name, value.text))
    #expect(message.hasPrefix("\(name) \(value.problem)"))
    #expect(!message.contains("VAL"))
  }

  @Test("Container variables follow the same rule", arguments: ["http://127.0.0.1/\n", " http://127.0.0.1/"])
  func refusesContainerURI(text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try ContainerCredentials(
        environment: Environment(["AWS_CONTAINER_CREDENTIALS_FULL_URI": text]), transport: transport)
    }
    #expect(error?.description.hasPrefix("AWS_CONTAINER_CREDENTIALS_FULL_URI ") == true)
  }

  @Test("An empty variable counts as unset, and a path may contain spaces")
  func acceptsEmptyAndPath() throws {
    let environment = Environment(["EMPTY": "", "PATH": "/my files/ca.pem", "BAD": "/my files/ca.pem "])
    #expect(try environment.value("EMPTY") == nil)
    #expect(try environment.value("UNSET") == nil)
    #expect(try environment.value("PATH", allowsSpaces: true) == "/my files/ca.pem")
    #expect(throws: ConfigurationError("BAD ends with a space: remove it.")) {
      try environment.value("BAD", allowsSpaces: true)
    }
  }

  @Test("Whole numbers are decimal and in range", arguments: ["0", "11", "+5", "-1", "5.0", "0x5", "٥", "9e9"])
  func refusesOtherNumbers(text: String) throws {
    let environment = Environment(["N": text, "GOOD": "10"])
    let error = #expect(throws: ConfigurationError.self) { try environment.wholeNumber("N", in: 1...10) }
    #expect(error?.description.hasSuffix("it must be a whole number from 1 to 10.") == true)
    #expect(try environment.wholeNumber("GOOD", in: 1...10) == 10)
  }

  // MARK: - Secrets

  /// The texts of a value's interpolation, `dump` and nested mirrors.
  private func shown(_ value: Any) -> String {
    var text = "\(value) \(String(reflecting: value)) \([value]) \(Optional(value) as Any)"
    dump(value, to: &text)
    func walk(_ value: Any, _ depth: Int) {
      guard depth < 8 else { return }
      for child in Mirror(reflecting: value).children {
        text += " \(child.label ?? ""): \(child.value)"
        walk(child.value, depth + 1)
      }
    }
    walk(value, 0)
    return text
  }

  @Test("No description, dump or mirror shows a secret")
  func hidesSecrets() throws {
    let variables = [
      "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ID", "AWS_SECRET_ACCESS_KEY": "HIDDEN1",
      "AWS_SESSION_TOKEN": "HIDDEN2", "DATABASE_PASSWORD": "HIDDEN3",
    ]
    let container = [
      "AWS_REGION": "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/a",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN": "HIDDEN4",
    ]
    let credentials = Credentials(accessKeyID: "ID", secretAccessKey: "HIDDEN1", sessionToken: "HIDDEN2")
    let signer = Signer(credentials: credentials, region: "eu-west-1", service: "a")
    let url = try #require(URL(string: "https://example.com/"))
    let request = HTTPRequest(method: .get, url: url)
    _ = signer.sign(request, at: Date())
    let cache = SigningCache()
    let scope = cache.scope(secretAccessKey: "HIDDEN1", region: "a", service: "b", at: Date())
    let headers = cache.headers(of: request, credentials: credentials, scope: scope)
    for variables in [variables, container] {
      let configuration = try AWSConfiguration(environment: variables, transport: transport)
      let values: [Any] = [
        Environment(variables), configuration, try DynamoDB(configuration), try ManagementAPI(configuration),
        credentials, signer, cache, scope, headers, configuration.client(.dynamoDB),
        try credentialsProvider(environment: Environment(variables), transport: transport),
      ]
      for value in values {
        let text = shown(value)
        #expect(!text.contains("HIDDEN"), "\(type(of: value))")
        // The signing key derived from the secret.
        #expect(!text.contains("inner"), "\(type(of: value))")
      }
    }
  }
}
