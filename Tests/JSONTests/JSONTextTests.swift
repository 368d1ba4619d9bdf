import JSON
import Testing

/// Valid and invalid JSON texts, after the categories of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a Minefield").
@Suite struct JSONTextTests {
  @Test(
    "Is JSON",
    arguments: [
      // Any value may stand at the top (RFC 8259, section 2).
      "null", "true", "false", "0", "-0", "42", "\"\"", "[]", "{}", " [] ", "\t\n\r {} \r\n\t", "\"a\"",
      // Numbers.
      "-1", "10", "0.5", "-0.0", "1e5", "1E5", "1e+5", "1E-5", "0e0", "0E+1", "1.5e10",
      "123456789012345678901234567890",
      "1e400", "-1e400", "1e-400", "0.00000000000000000000000000000000000001", "1e99999999999999999999",
      "[0,1,-2,3.4]",
      // Strings.
      #""\"\\\/\b\f\n\r\t""#, #""\u0000\u001F\u20ac\uFFFF""#, #""\uD83C\uDF89""#, #""\ud800""#, #""\uDC00\uD800""#,
      #""\\u0061""#, "\"é中🎉\"", "\"\u{7F}\"", "\"\u{2028}\u{2029}\"", "\"\u{FEFF}\"",
      "\"\u{0}\"".replacing("\u{0}", with: "x"),
      "\"//not a comment\"", "\"\u{10FFFF}\"", #""'""#,
      // Arrays and objects.
      "[1]", "[ 1 , 2 ]", "[[],{}]", "[null,[]]", "[[[[]]]]", #"{"a":1}"#, #"{"a":1,"a":1}"#, #"{"":""}"#,
      #"{ "a" : [ { "b" : { } } ] , "c" : null }"#, #"{"a\u0062":{"c":[1,{"d":"e"}]}}"#,
    ])
  func valid(text: String) {
    #expect(JSONText.isValid(Array(text.utf8)))
  }

  @Test(
    "Is not JSON",
    arguments: [
      "", " ", "\n",
      // Words.
      "nul", "nulll", "Null", "TRUE", "tru", "truefalse", "undefined", "NaN", "Infinity", "-Infinity", "hi", "'a'",
      // Numbers.
      "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1E-", "1e5.5", "1..2", "1.2.3", "0x1F",
      "1_000", "1 000", "--1", "1-", "0e", "1,000", "２", "1\u{0}", "1a", "-a", "0b1", "1e1e1", "∞",
      // Strings.
      "\"", "\"a", "a\"", "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1F}\"", #""\x41""#, #""\a""#, #""\'""#, #""\u""#,
      #""\u12""#,
      #""\u123g""#, #""\U0041""#, #""\""#, #""\u00e""#, "\"a\"b\"", #""\ ""#, #""\u 123""#, #""\u+123""#, #""\é""#,
      // Arrays.
      "[", "]", "[1", "[1,", "[,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1}", "[:]", "[\"a\":1]", "[]]", "[][]", "[1]]",
      "[true", "[\"a", "[\"a\"", "[-]", "[1;2]", "[...]",
      // Objects.
      "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{:1}", "{1:1}", "{a:1}", "{'a':1}",
      "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\",1}", "{null:1}", "{[]:1}", "{\"a\":}",
      "{}{}",
      "{\"a\":1}}", "{\"a\":{}", "{\"a\":1;\"b\":2}", "{\"a\":1,,\"b\":2}",
      // What stands around.
      "[] x", "x []", "[]//", "/**/[]", "[]#", "\u{FEFF}[]", "\u{A0}[]", "[\u{A0}]", "\u{B}[]", "\u{C}[]", "[\u{C}]",
      "\u{2028}[]", "[]\u{0}", "1 2", "null null", ",", ":", "<html>", "\u{0}",
    ])
  func invalid(text: String) {
    #expect(!JSONText.isValid(Array(text.utf8)))
  }

  @Test(
    "Is not UTF-8, so it is not JSON",
    arguments: [
      [0xFF], [0xC3], [0x80], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x8E],
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(!JSONText.isValid([0x22] + bytes + [0x22]))
    #expect(!JSONText.isValid(bytes))
  }

  @Test("UTF-16 with or without a byte order mark is not JSON")
  func utf16() {
    #expect(!JSONText.isValid([0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00]))
    #expect(!JSONText.isValid([0x5B, 0x00, 0x5D, 0x00]))
  }

  @Test("Depth is unlimited", arguments: ["[", "{\"a\":"])
  func depth(opening: String) {
    let open = String(repeating: opening, count: 100_000)
    let close = String(repeating: opening == "[" ? "]" : "}", count: 100_000)
    let core = opening == "[" ? "" : "1"
    #expect(JSONText.isValid(Array((open + core + close).utf8)))
    #expect(!JSONText.isValid(Array((open + core + close.dropLast()).utf8)))
    #expect(!JSONText.isValid(Array(open.utf8)))
  }

  @Test("Every proper prefix of a text is refused")
  func prefixes() {
    let text = Array(#"{"a":[1.5e+10,"\u00e9é🎉\"",true,false,null,{"b":{}}],"c":-0.1}"#.utf8)
    #expect(JSONText.isValid(text))
    for count in 0..<text.count { #expect(!JSONText.isValid(Array(text.prefix(count)))) }
  }
}
