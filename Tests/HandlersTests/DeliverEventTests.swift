import Testing
import WebSocketAPI

@testable import Handlers

/// Events of the function `deliver`.
@Suite struct DeliverEventTests {
  private static let id = "0197c2f0-0000-7000-8000-000000000000"

  @Test("A start and a range are read as they are written")
  func roundTrip() throws {
    let round = try #require(MessageID(Self.id))
    let range = try #require(RoomRange(lower: "2000", upper: "3fff"))
    for event in [DeliverEvent(room: "r", work: .start), DeliverEvent(room: "a.B_c-1", work: .range(round, range))] {
      #expect(try DeliverEvent(json: event.json) == event)
    }
    let text = String(decoding: DeliverEvent(room: "r", work: .range(round, range)).json, as: UTF8.self)
    #expect(text == #"{"room":"r","delivery":"\#(Self.id)","range":["2000","3fff"]}"#)
    #expect(try DeliverEvent(json: Array(#" {"x":{},"room":"r"} "#.utf8)) == DeliverEvent(room: "r", work: .start))
  }

  @Test(
    "An invalid event is refused with the name of the field, and is not quoted",
    arguments: [
      ("", "it is not JSON"), ("{", "it is not JSON"), ("[]", "it is not an object"), ("1", "it is not an object"),
      ("{}", "room is missing"), (#"{"room":1}"#, "room is of the wrong type"),
      (#"{"room":"secret room"}"#, "room must be 1 to 64"), (#"{"room":""}"#, "room must be 1 to 64"),
      (#"{"room":"r","delivery":7}"#, "delivery is of the wrong type"),
      (#"{"room":"r","delivery":"secret"}"#, "delivery must be a UUID"),
      (#"{"room":"r","range":["0000","ffff"]}"#, "delivery is missing"),
      (#"{"room":"r","delivery":"\#(id)"}"#, "range is missing"),
      (#"{"room":"r","delivery":"\#(id)","range":"secret"}"#, "range is of the wrong type"),
      (#"{"room":"r","delivery":"\#(id)","range":["0000"]}"#, "range must be two"),
      (#"{"room":"r","delivery":"\#(id)","range":["0000","FFFF"]}"#, "range must be two"),
      (#"{"room":"r","delivery":"\#(id)","range":["ffff","0000"]}"#, "range must be two"),
      (#"{"room":"r","delivery":"\#(id)","range":["0000","1fff","2000"]}"#, "range must be two"),
    ])
  func invalid(json: String, problem: String) {
    let error = #expect(throws: InvalidDeliverEvent.self) { try DeliverEvent(json: Array(json.utf8)) }
    #expect(error?.description.hasPrefix("The event is invalid: \(problem)") == true)
    #expect(error?.description.contains("secret") == false)
  }
}
