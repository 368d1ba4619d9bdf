import AWS
import Testing

@testable import Handlers

/// The chat's environment variables.
@Suite struct ChatConfigurationTests {
  private func configuration(_ variables: [String: String]) throws(ConfigurationError) -> ChatConfiguration {
    try ChatConfiguration(environment: ["TABLE_NAME": "Connections"].merging(variables) { $1 })
  }

  @Test("BROADCAST_CONCURRENCY is a whole number from 1 to 512, 64 by default")
  func concurrency() throws {
    #expect(try configuration([:]).broadcastConcurrency == 64)
    #expect(try configuration(["BROADCAST_CONCURRENCY": ""]).broadcastConcurrency == 64)
    #expect(try configuration(["BROADCAST_CONCURRENCY": "512"]).broadcastConcurrency == 512)
    for text in ["0", "-1", "513", "many", "1.5", " 8", "8\n", "99999999999999999999"] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(["BROADCAST_CONCURRENCY": text]) }
      #expect(error?.description.hasPrefix("BROADCAST_CONCURRENCY ") == true)
    }
  }

  @Test("TABLE_NAME must be set, without stray white space")
  func table() throws {
    #expect(try configuration([:]).table == "Connections")
    for text in ["", "Connections\n", " Connections", "Connections\0"] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(["TABLE_NAME": text]) }
      #expect(error?.description.hasPrefix("TABLE_NAME ") == true)
    }
  }

  @Test("HISTORY_DAYS is a whole number from 0 to 3,650, 7 by default; MESSAGES_TABLE_NAME is optional")
  func history() throws {
    #expect(try configuration([:]).historyDays == 7)
    #expect(try configuration([:]).messagesTable == nil)
    #expect(try configuration(["HISTORY_DAYS": "0"]).historyDays == 0)
    #expect(try configuration(["HISTORY_DAYS": "3650"]).historyDays == 3650)
    #expect(try configuration(["MESSAGES_TABLE_NAME": "Messages"]).messagesTable == "Messages")
    for (name, text) in [("HISTORY_DAYS", "-1"), ("HISTORY_DAYS", "3651"), ("MESSAGES_TABLE_NAME", "Messages\n")] {
      let error = #expect(throws: ConfigurationError.self) { try configuration([name: text]) }
      #expect(error?.description.hasPrefix(name) == true)
    }
  }

  @Test("PRESENCE_LIMIT is a whole number from 0 to 1,000, 100 by default")
  func presenceLimit() throws {
    #expect(try configuration([:]).presenceLimit == 100)
    #expect(try configuration(["PRESENCE_LIMIT": "0"]).presenceLimit == 0)
    #expect(throws: ConfigurationError.self) { try configuration(["PRESENCE_LIMIT": "1001"]) }
  }

  @Test("DIRECT_LIMIT and POSTS_PER_SECOND are bounded, 2,000 and 8,000 by default; DELIVER_FUNCTION is optional")
  func deliveries() throws {
    let standard = try configuration([:])
    #expect(standard.directLimit == 2000)
    #expect(standard.postsPerSecond == 8000)
    #expect(standard.deliverFunction == nil)
    let set = try configuration(["DIRECT_LIMIT": "10000", "POSTS_PER_SECOND": "1000000", "DELIVER_FUNCTION": "f"])
    #expect(set.directLimit == 10_000)
    #expect(set.postsPerSecond == 1_000_000)
    #expect(set.deliverFunction == "f")
    for (name, text) in [
      ("DIRECT_LIMIT", "0"), ("DIRECT_LIMIT", "10001"), ("POSTS_PER_SECOND", "0"), ("POSTS_PER_SECOND", "1000001"),
      ("DELIVER_FUNCTION", "f\n"),
    ] {
      let error = #expect(throws: ConfigurationError.self) { try configuration([name: text]) }
      #expect(error?.description.hasPrefix(name) == true)
    }
  }
}
