import Testing

@testable import RuntimeClient

struct RuntimeAPIAddressTests {
  @Test(
    "A host with or without a port is accepted; an IPv6 address is in brackets",
    arguments: [
      ("127.0.0.1:9001", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("localhost:80", "localhost"),
      ("sandbox_1.internal:65535", "sandbox_1.internal"), ("[::1]:9001", "::1"), ("[::1]", "::1"),
      ("[fd00:ec2::254]:1", "fd00:ec2::254"), ("[::ffff:127.0.0.1]:9001", "::ffff:127.0.0.1"),
      ("[0:0:0:0:0:0:0:1]:9001", "0:0:0:0:0:0:0:1"),
    ])
  func accepted(text: String, host: String) throws {
    let address = try RuntimeAPIAddress(text)
    #expect(address.host == host)
    #expect(address.authority == text)
  }

  @Test(
    "Everything else is refused",
    arguments: [
      "", ":", ":9001", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:99999999",
      "127.0.0.1:9001/path", "127.0.0.1:9001?x", "127.0.0.1:9001#x", "user@127.0.0.1:9001", "http://127.0.0.1:9001",
      "a b:1", " 127.0.0.1:9001", "127.0.0.1:9001\n", "127.0.0.1\0:9001", "::1", "::1:9001", "[]:1", "[::1", "::1]:1",
      "[::1]9001", "[::1]:", "[::1]:x", "[127.0.0.1]:1", "[::1%25lo]:1", "[::g]:1", "[[::1]]:1", "hôst:1",
      "127.0.0.1:١",
    ])
  func refused(text: String) {
    #expect(throws: RuntimeError.invalidAddress(text)) { try RuntimeAPIAddress(text) }
  }

  @Test(
    "URLSession gets only hosts that libcurl spells in the same way",
    arguments: [
      ("127.0.0.1:9001", true), ("localhost", true), ("sandbox-1.internal:80", true), ("169.254.100.1:9001", true),
      ("[::1]:9001", false), ("127.1:9001", false), ("0x7f000001", false), ("2130706433:80", false),
      ("127.0.0.01", false), ("127.0.0.256:1", false),
    ])
  func urlSession(text: String, isAccepted: Bool) throws {
    #expect(try RuntimeAPIAddress(text).isAcceptedByURLSession == isAccepted)
  }
}
