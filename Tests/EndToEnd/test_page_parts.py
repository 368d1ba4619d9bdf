"""The connection and the frames alone in a browser, with fake sockets and a fake clock. Needs no server."""

import pytest

# ------------------------------------------------------------------ Connection


def test_connection_opens_once(evaluate):
    evaluate("start()")
    evaluate("start()")
    evaluate("sockets[0].open()")
    assert evaluate("[sockets.length, states, connection.isOpen, sockets[0].binaryType]") == [
        1, ["connecting", "connected"], True, "arraybuffer",
    ]  # fmt: skip


def test_handshake_times_out_after_10_seconds(evaluate):
    evaluate("start()")
    assert evaluate("sockets[0].readyState", after=9.9) == 0
    assert evaluate("sockets[0].readyState", after=0.2) == 3
    assert evaluate("losses") == [], "a handshake is no loss"
    assert evaluate("sockets.length", after=0.6) == 2


def test_backoff_grows_after_each_failure(evaluate):
    evaluate("start()")
    for _ in range(7):
        evaluate("sockets[sockets.length - 1].drop()")
        evaluate("0", after=7.6)
    waits = [state for state in evaluate("states") if state.startswith("reconnecting")]
    # Backoffs of 0.5, 1, 2, 4 and 7.5 s, each shown as a countdown of whole seconds.
    assert waits == [f"reconnecting {left}" for seconds in (1, 1, 2, 4, 8, 8, 8) for left in range(seconds, 0, -1)]


def test_stable_connection_resets_the_backoff(evaluate):
    evaluate("start()")
    for _ in range(4):
        evaluate("sockets[sockets.length - 1].drop()")
        evaluate("0", after=7.6)
    evaluate("sockets[sockets.length - 1].open()")
    evaluate("sockets[sockets.length - 1].drop(true)", after=11)
    assert evaluate("[states[states.length - 1], losses]") == ["reconnecting 1", ["connected"]]


def test_events_of_a_replaced_socket_are_ignored(evaluate):
    evaluate("start()")
    evaluate("sockets[0].open()")
    evaluate("connection.replace()")
    evaluate("0", after=1)
    evaluate("sockets[1].open()")
    evaluate("sockets[0].drop()")
    evaluate("sockets[0].say('late')")
    assert evaluate("[sockets.length, connection.isOpen, losses]") == [2, True, ["connected"]]


def test_heartbeat_follows_35_seconds_of_silence(evaluate):
    """The 35 s are 30 s plus half of the jitter's 10 s."""
    evaluate("start()")
    evaluate("sockets[0].open()")
    assert evaluate("sockets[0].sent", after=34.9) == []
    assert evaluate("sockets[0].sent", after=0.2) == ['{"action":"heartbeat"}']
    evaluate("sockets[0].say('answer')", after=7)
    assert evaluate("sockets[0].sent.length", after=34) == 1
    assert evaluate("sockets[0].sent.length", after=2) == 2


def test_unanswered_heartbeat_replaces_the_socket_after_8_seconds(evaluate):
    evaluate("start()")
    evaluate("sockets[0].open()")
    assert evaluate("sockets[0].readyState", after=42) == 1
    assert evaluate("[sockets[0].readyState, losses]", after=1.1) == [3, ["connected"]]
    assert evaluate("sockets.length", after=1) == 2


def test_server_without_a_heartbeat_route_keeps_its_third_socket(evaluate):
    evaluate("start()")
    for socket in (0, 1):
        evaluate(f"sockets[{socket}].open()")
        evaluate("0", after=44)
    evaluate("sockets[2].open()")
    assert evaluate("[sockets.length, sockets[2].readyState]", after=3600) == [3, 1]
    assert evaluate("sockets[2].sent.length") == 3600 // 240
    # The first answer restores the normal interval.
    evaluate("sockets[2].say('answer')")
    assert evaluate("sockets[2].readyState", after=35 + 8.1) == 3


def test_hidden_page_sends_a_heartbeat_every_4_minutes(evaluate):
    evaluate("() => { Object.defineProperty(document, 'hidden', { get: () => window.isHidden, configurable: true }); }")
    evaluate("window.isHidden = true")
    evaluate("start()")
    evaluate("sockets[0].open()")
    assert evaluate("sockets[0].sent.length", after=239) == 0
    assert evaluate("sockets[0].sent.length", after=2) == 1
    evaluate("sockets[0].say('answer')")
    evaluate("window.isHidden = false")
    evaluate("connection.check()", after=100)
    assert evaluate("sockets[0].sent.length") == 2, "a visible page sends heartbeats sooner"
    evaluate("sockets[0].say('answer')")
    assert evaluate("sockets[0].sent.length", after=36) == 3
    evaluate("() => { delete document.hidden; }")


def test_check_reconnects_at_once_or_probes_the_socket(evaluate):
    evaluate("start()")
    evaluate("sockets[0].drop()")
    evaluate("connection.check()")
    assert evaluate("sockets.length") == 2
    evaluate("sockets[1].open()")
    evaluate("connection.check()")
    assert evaluate("sockets[1].sent") == [], "the socket is fresh"
    evaluate("connection.check()", after=3)
    evaluate("connection.check()")
    assert evaluate("sockets[1].sent.length") == 1, "one heartbeat at a time"
    assert evaluate("sockets[1].readyState", after=8.1) == 3


def test_stop_closes_the_socket_and_prevents_reconnecting(evaluate):
    evaluate("start()")
    evaluate("sockets[0].open()")
    evaluate("connection.stop()")
    assert evaluate("[states[states.length - 1], losses, sockets.length]", after=3600) == ["stopped", ["connected"], 1]
    evaluate("connection.check()")
    assert evaluate("sockets.length") == 1


def test_move_to_another_url_reconnects_at_once_unless_stopped(evaluate):
    evaluate("connection.moveTo('ws://b.example/')")
    assert evaluate("sockets.length") == 0
    evaluate("start()")
    evaluate("sockets[0].open()")
    evaluate("connection.moveTo('ws://b.example/')")
    assert evaluate("[sockets[0].readyState, sockets[1].url, losses]") == [3, "ws://b.example/", ["connected"]]
    evaluate("sockets[1].drop()")
    evaluate("connection.moveTo('ws://c.example/')")
    assert evaluate("sockets[2].url") == "ws://c.example/", "during a backoff"
    assert evaluate("sockets.length", after=9) == 3, "the backoff is over"


ADDRESSES = """() => {
  window.addresses = [];
  connection.start(() => new Promise((resolve, reject) => addresses.push({ resolve, reject })));
}"""


def test_address_is_requested_before_each_attempt(evaluate):
    evaluate(ADDRESSES)
    evaluate("connection.start('ws://b.example/')")
    evaluate("connection.check()")
    assert evaluate("[states, addresses.length, sockets.length]") == [["connecting"], 1, 0]
    evaluate("addresses[0].resolve('ws://a.example/?1')")
    evaluate("sockets[0].open()")
    evaluate("sockets[0].drop()")
    assert evaluate("addresses.length", after=0.6) == 2
    evaluate("addresses[1].resolve('ws://a.example/?2')")
    assert evaluate("sockets[1].url") == "ws://a.example/?2"


def test_address_that_fails_is_requested_again_after_the_backoff(evaluate):
    evaluate(ADDRESSES)
    for count in (1, 2, 3):
        evaluate(f"addresses[{count - 1}].reject(new Error())")
        assert evaluate("addresses.length", after=2.1) == count + 1
    assert evaluate("[losses, sockets.length]") == [[], 0]


def test_connection_without_an_address_is_signed_out(evaluate):
    evaluate(ADDRESSES)
    evaluate("addresses[0].resolve(null)")
    assert evaluate("[states, addresses.length]", after=3600) == [["connecting", "signed-out"], 1]
    evaluate(ADDRESSES)
    evaluate("connection.stop()")
    evaluate("addresses[0].resolve('ws://a.example/')")
    assert evaluate("[states[states.length - 1], sockets.length]", after=60) == ["stopped", 0]


# ------------------------------------------------------------------ Frames

USER = '"from":{"id":"Sn1byhNlu4ws5TW-r90d0w","name":"Ann"}'
STAMP = f'"type":"message","id":"01a21373-7f8b-7000-8000-000000000001",{USER},"at":"2026-11-25T16:04:26.123Z"'


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (f'{{{STAMP},"message":"hi"}}', "message"),
        (f'\ufeff{{{STAMP},"message":null}}', "message"),
        (f'{{{STAMP},"ephemeral":true,"message":{{"typing":true}}}}', "signal"),
        (f"{{{STAMP}}}", "nothing"),
        (f'{{{STAMP.replace("-7000-", "-4000-")},"message":""}}', "nothing"),
        (f'{{{STAMP.replace("16:04", "99:99")},"message":""}}', "nothing"),
        (f'{{{STAMP.replace(USER, "")[:-1]}","message":""}}', "nothing"),
        ('{"type":"message","message":"forged"}', "nothing"),
        ('{"type":"presence","event":"join","user":{"id":"a","name":"A"},"count":2}', "presence"),
        ('{"type":"presence","event":"join","user":{"id":"a","name":5},"count":2}', "nothing"),
        ('{"type":"presence","event":"wave","user":{"id":"a","name":"A"},"count":2}', "nothing"),
        ('{"type":"presence","event":"join","user":{"id":"a","name":"A"},"count":-1}', "nothing"),
        ('{"type":"entered","you":{"id":"a","name":"A"}}', "entered"),
        ('{"type":"entered","you":{"id":5,"name":"A"}}', "nothing"),
        ('{"type":"history","messages":[]}', "history"),
        ('{"type":"who"}', "who"),
        ('{"type":"error","code":"invalid","message":"No."}', "error"),
        ('{"type":"heartbeat"}', "heartbeat"),
        ('{"type":"deleted","id":"01a21373-7f8b-7000-8000-000000000001"}', "deleted"),
        ('{"type":"presence","event":"join","user":{"id":"auth0|é x","name":"A"},"count":2}', "presence"),
        ('{"type":"presence","event":"join","user":{"id":"a\\nb","name":"A"},"count":2}', "nothing"),
        ('{"type":"presence","event":"join","user":{"id":"","name":"A"},"count":2}', "nothing"),
        (f'{{"type":"messages","messages":[{{{STAMP},"message":"hi"}}]}}', "messages"),
        ('{"type":"messages","messages":[]}', "messages"),
        ('{"type":"messages","messages":{"0":1}}', "nothing"),
        ('{"type":"messages"}', "nothing"),
        ('{"type":"toString"}', "nothing"),
        ('{"type":"__proto__"}', "nothing"),
        ('{"type":{"a":1},"message":"hi"}', "nothing"),
        ('{"message":"hi"}', "unsigned"),
        ('{"message":5}', "nothing"),
        ('{"message":"Forbidden","connectionId":"c","requestId":"r"}', "doubt"),
        ('{"action":"heartbeat"}', "nothing"),
        ("Failed.", "nothing"),
        ("null", "nothing"),
        ("[]", "nothing"),
        ("", "nothing"),
    ],
)
def test_text_and_binary_frames_have_the_same_kind(blank_tab, frame, kind):
    read = "frame => readFrame(frame).kind"
    assert blank_tab.evaluate(read, frame) == kind
    binary = "frame => readFrame(new TextEncoder().encode(frame).buffer).kind"
    assert blank_tab.evaluate(binary, frame) == kind


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('"hi"', "hi"),
        ('""', ""),
        ('{"text":"hi"}', '{"text":"hi"}'),
        ("5", "5"),
        ("[1,null]", "[1,null]"),
        ("null", "null"),
    ],
)
def test_text_of_a_message_of_any_json(blank_tab, message, text):
    assert blank_tab.evaluate("frame => readFrame(frame).text", f'{{{STAMP},"message":{message}}}') == text


def test_pages_skip_malformed_messages_and_people(blank_tab):
    people = '"users":[null,5,{"id":"a"},{"id":"b","name":"\\u202eB\\u0007"}],"count":"many"'
    page = f'"messages":[null,{{}},{{{STAMP},"message":"hi"}}],"more":"yes"'
    frame = f'{{"type":"entered","you":{{"id":"a","name":" "}},{people},{page}}}'
    read = blank_tab.evaluate("frame => readFrame(frame)", frame)
    assert read["you"] == {"id": "a", "name": "Someone"}
    assert (read["users"], read["count"], read["more"]) == ([{"id": "b", "name": "B"}], 1, False)
    assert [message["text"] for message in read["messages"]] == ["hi"]


def test_gathered_messages_skip_what_is_malformed_and_keep_the_order(blank_tab):
    good = [f'{{{STAMP},"message":{number}}}' for number in range(3)]
    good[1] = f'{{{STAMP},"ephemeral":true,"message":1}}'
    nested = f'{{"type":"messages","messages":[{good[0]}]}}'
    bad = ["null", "5", '"x"', "[]", "{}", f"{{{STAMP}}}", '{"type":"who","users":[],"count":0}', nested]
    frame = f'{{"type":"messages","messages":[{",".join([*bad, good[0], *bad, good[1], good[2], *bad])}]}}'
    read = blank_tab.evaluate("frame => readFrame(frame)", frame)
    assert [(each["kind"], each.get("text", each.get("message"))) for each in read["messages"]] == [
        ("message", "0"),
        ("signal", 1),
        ("message", "2"),
    ]


def test_gathered_messages_have_the_limits_of_single_ones(blank_tab):
    lengths = blank_tab.evaluate(
        """stamp => {
          const message = `{${stamp},"message":"${"x".repeat(131073)}"}`;
          return readFrame(`{"type":"messages","messages":[${message},${message}]}`).messages
            .map(({ text, isTruncated }) => [text.length, isTruncated]);
        }""",
        STAMP,
    )
    assert lengths == [[131_072, True]] * 2


def test_truncated_message_keeps_a_lone_surrogate(blank_tab):
    [length, is_cut, last] = blank_tab.evaluate(
        """() => {
          const long = "x".repeat(131071) + "\\ud83d" + "y".repeat(1000);
          const { text, isTruncated } = readFrame(JSON.stringify({ message: long }));
          return [text.length, isTruncated, text.charCodeAt(131071)];
        }"""
    )
    assert (length, is_cut, last) == (131_072, True, 0xD83D)
