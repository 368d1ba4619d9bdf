import Testing

@testable import HTTP

struct SocketAddressTests {
  @Test(
    "A host that is spelled as a number has an address",
    arguments: [
      ("127.0.0.1", true), ("169.254.100.1", true), ("127.1", true), ("0x7f.1", true), ("2130706433", true),
      ("::1", true),
      ("fd00:ec2::254", true), ("::ffff:127.0.0.1", true), ("", false), ("localhost", false), ("127.0.0.256", false),
      ("127.0.0.1.", false), ("::g", false), ("[::1]", false), ("fe80::1%lo", false), ("127.0.0.1\0x", false),
    ])
  func number(host: String, isNumber: Bool) {
    #expect((SocketAddress(host: host, port: 1) != nil) == isNumber)
  }

  @Test(
    "The port is the authority's or the scheme's; anything else after the host is refused",
    arguments: [
      ("http://a", 80), ("https://a", 443), ("http://a:", 80), ("http://a:8080", 8080), ("https://[::1]:1", 1),
      ("http://[::1]", 80), ("http://a:0", nil), ("http://a:65535", 65_535), ("http://a:65536", nil),
      ("http://a:+1", nil),
      ("http://a:1:2", nil), ("http://[::1]1", nil), ("http://[::1]x:1", nil), ("http://a:1x", nil),
      ("http://u@a:1", nil),
    ] as [(String, UInt16?)])
  func port(url: String, port: UInt16?) {
    #expect(TargetURI(url).connectionPort == port)
  }
}
