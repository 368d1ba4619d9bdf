extension String {
  /// The text with every byte but RFC 3986's unreserved characters as `%XX`, the one encoding Signature Version 4 knows.
  ///
  /// - Parameter keepingSlash: leaves `/` as it is, for a path.
  func percentEncoded(keepingSlash: Bool = false) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(utf8.count + 16)
    for byte in utf8 {
      if byte.isUnreserved || (keepingSlash && byte == UInt8(ascii: "/")) {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(hexDigit(byte >> 4, lowercase: false))
        encoded.append(hexDigit(byte & 0xF, lowercase: false))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }
}

extension UInt8 {
  /// RFC 3986, section 2.3.
  private var isUnreserved: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
