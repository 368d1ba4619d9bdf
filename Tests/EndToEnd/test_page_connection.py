"""The page and its connection: losses, failures, clocks. No message lost, none twice, none out of order."""

import json
import re
import socket
import time

import pytest
from page_support import PAGE_FOLDER, drop_every_connection, messages_of, numbered, stop_clock, stopped

# ------------------------------------------------------------------ Losses


def test_reconnects_after_the_server_dropped_the_socket(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    drop_every_connection(stack)
    anna.write("one")
    for chat in (anna, ben):
        chat.wait_for_state("Connected")
    anna.write("two")
    ben.write("three")
    for chat in (anna, ben):
        chat.eventually(lambda: sorted(chat.messages), ["one", "three", "two"])
    assert anna.own == ["one", "two"] and ben.own == ["three"]


def test_nothing_is_lost_or_doubled_when_the_server_is_away_for_20_seconds(open_page, proxy, page_for):
    anna, ben = (open_page(page_for(proxy.url)) for _ in range(2))
    anna.write("before")
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["before"])

    proxy.cut()
    cut_at = time.monotonic()
    for chat, name in ((anna, "anna"), (ben, "ben")):
        for text in numbered(name, 5):
            chat.write(text)
    anna.wait_for_state("Reconnecting in")
    assert anna.waiting == numbered("anna", 5) and anna.messages == ["before"]
    assert anna.page.inner_text("#delivery").startswith("5 messages waiting for the connection")
    anna.page.wait_for_timeout(1000 * (20 - (time.monotonic() - cut_at)))
    assert anna.waiting == numbered("anna", 5), "nothing is sent without a connection"
    proxy.restore()

    for chat in (anna, ben):
        chat.wait_for_state("Connected", seconds=40)
    everything = sorted(["before", *numbered("anna", 5), *numbered("ben", 5)])
    for chat in (anna, ben):
        chat.eventually(lambda: sorted(chat.messages), everything, seconds=30)
    anna.page.wait_for_timeout(3000)  # repeats come within two seconds
    for chat in (anna, ben):
        assert sorted(chat.messages) == everything
        for name in ("anna", "ben"):
            assert [text for text in chat.messages if text.startswith(name)] == numbered(name, 5), "in order"
        assert chat.waiting == []
        assert [note for note in chat.notes if note.startswith("Reconnected after")]


def test_nothing_is_lost_or_doubled_when_the_local_aws_is_stopped_for_20_seconds(stack, open_page):
    """Its sockets stay open: the page cannot know, and must neither lose nor double what it sent into them."""
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    with stopped(stack):
        for chat, name in ((anna, "anna"), (ben, "ben")):
            for text in numbered(name, 3):
                chat.write(text)
        anna.page.wait_for_timeout(20_000)
        assert anna.messages == [] and anna.waiting == numbered("anna", 3)
    for chat in (anna, ben):
        chat.eventually(lambda: sorted(chat.messages), numbered("anna", 3) + numbered("ben", 3), seconds=40)
    anna.page.wait_for_timeout(2000)
    for chat in (anna, ben):
        assert sorted(chat.messages) == numbered("anna", 3) + numbered("ben", 3) and chat.waiting == []


def test_what_is_typed_before_there_was_any_connection_is_sent_once_in_order(stack, open_page, proxy, page_for):
    proxy.cut()
    chat = open_page(page_for(proxy.url), connected=False)
    chat.wait_for_state("Reconnecting in")
    for text in numbered("queued", 10):
        chat.write(text)
    with stack.connect() as other:
        proxy.restore()
        chat.eventually(lambda: chat.messages, numbered("queued", 10), seconds=40)
        heard = [other.recv(5) for _ in range(10)]
    assert [frame["message"] for frame in messages_of(heard)] == numbered("queued", 10)
    assert len({frame["id"] for frame in messages_of(heard)}) == 10


def test_a_socket_lost_before_the_echo_loses_no_message_and_doubles_none(open_page, gateway, page_for):
    """The message arrived, and the socket died before its writer could know."""
    anna, ben = (open_page(page_for(gateway.url)) for _ in range(2))
    losses = []

    def lose_the_echo(connection, frame):
        if len(losses) < 2 and "message" in json.loads(frame):
            losses.append(frame)
            for each in list(gateway.connections):
                if each is not connection:
                    each.send(frame)
            connection.close()
        else:
            gateway.broadcast(connection, frame)

    gateway.answer = lose_the_echo
    anna.write("did you get this?")
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["did you get this?"], seconds=30)
    anna.eventually(lambda: anna.waiting, [])
    ben.page.wait_for_timeout(300)
    assert ben.messages == ["did you get this?"]
    assert len(losses) == 2 and losses[0] == losses[1] == anna.sent[-1], "the same frame, the same id"


def test_one_message_is_in_flight_at_a_time(open_page, gateway, page_for):
    """API Gateway runs a connection's messages in parallel: what was sent together may arrive in any order."""
    chat = open_page(page_for(gateway.url))
    gateway.answer = lambda connection, frame: None
    for text in numbered("message", 3):
        chat.write(text)
    chat.page.wait_for_timeout(500)
    assert [frame["message"] for frame in messages_of(gateway.received)] == ["message 0"]
    gateway.answer = gateway.broadcast
    gateway.say(gateway.received[0])
    chat.eventually(lambda: chat.messages, numbered("message", 3))


def test_who_was_away_gets_what_the_others_wrote_meanwhile(stack, open_page, proxy, page_for):
    anna, ben = open_page(stack.page_url), open_page(page_for(proxy.url))
    anna.write("before")
    ben.eventually(lambda: ben.messages, ["before"])
    proxy.cut()
    ben.wait_for_state("Reconnecting")
    for text in numbered("meanwhile", 3):
        anna.write(text)
    anna.eventually(lambda: anna.messages, ["before", *numbered("meanwhile", 3)])
    proxy.restore()
    ben.eventually(lambda: ben.messages, ["before", *numbered("meanwhile", 3)], seconds=40)
    anna.page.wait_for_timeout(500)
    assert anna.messages == ["before", *numbered("meanwhile", 3)] and anna.waiting == []


def test_forged_returns_cause_one_round_of_repeats(open_page, gateway, page_for):
    chat = open_page(page_for(gateway.url))
    for text in numbered("message", 30):
        chat.write(text)
    chat.eventually(lambda: chat.messages, numbered("message", 30))
    gateway.received.clear()
    for _ in range(100):
        gateway.say({"away": 1e9, "from": "somebody"})
    chat.eventually(lambda: len(messages_of(gateway.received)), 30)
    chat.page.wait_for_timeout(2000)
    repeated = [frame["message"] for frame in messages_of(gateway.received)]
    assert repeated == numbered("message", 30), "a hundred returns, one round of repeats"
    assert chat.messages == numbered("message", 30)


def test_a_message_without_an_echo_is_sent_again_on_a_new_socket(clocked, gateway):
    chat = clocked
    [before] = gateway.connections
    gateway.answer = lambda connection, frame: None if connection is before else gateway.broadcast(connection, frame)
    chat.write("into the void")
    chat.page.clock.run_for("00:29")
    assert gateway.connections == [before], "API Gateway itself gives a Lambda 29 s"
    chat.page.clock.run_for("00:03")
    chat.wait_for_state("Connected")
    chat.page.clock.run_for(1000)
    chat.eventually(lambda: chat.messages, ["into the void"])
    assert (
        len(messages_of(gateway.received)) == 2 and len({frame["id"] for frame in messages_of(gateway.received)}) == 1
    )


def test_a_server_that_accepts_and_says_nothing_is_given_up(open_page, proxy, page_for):
    """As a stopped process does: the kernel accepts the connection, and no answer follows."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}/dev"
        chat = open_page(page_for(url), connected=False, before=stop_clock)
        assert chat.state == "Connecting"
        chat.page.clock.run_for("00:10")
        chat.wait_for_state("Reconnecting in")


# ------------------------------------------------------------------ Failures


def test_a_failing_server_is_asked_again_then_the_person_is(clocked, gateway):
    chat = clocked
    gateway.answer = lambda connection, frame: connection.send(
        json.dumps({"message": "Internal server error", "connectionId": "c", "requestId": "r"})
    )
    chat.write("please")
    for _ in range(60):
        chat.page.clock.run_for(1000)
        chat.page.wait_for_timeout(20)
    assert len(messages_of(gateway.received)) == 5
    assert chat.waiting == ["please"] and chat.messages == []
    assert [note.split(".")[0] for note in chat.notes] == [
        "The server reported: Internal server error",
        "A message was not delivered",
    ]
    assert "1 message not delivered" in chat.page.inner_text("#delivery")
    chat.write("and this?")
    chat.eventually(lambda: len(messages_of(gateway.received)), 6)

    gateway.answer = gateway.broadcast
    chat.page.get_by_role("button", name="Try again").click()
    chat.page.clock.run_for("00:10")
    chat.eventually(lambda: sorted(chat.messages), ["and this?", "please"])
    chat.eventually(lambda: chat.waiting, [])


def test_waits_longer_after_each_failure_and_never_over_15_seconds(open_page, proxy, page_for):
    proxy.cut()
    chat = open_page(
        page_for(proxy.url),
        connected=False,
        before=lambda page: (stop_clock(page), page.add_init_script("Math.random = () => 0.999")),
    )
    waits = []
    for _ in range(7):
        chat.wait_for_state("Reconnecting in")
        waits.append(int(chat.state.split()[2]))
        chat.page.clock.run_for(waits[-1] * 1000)
        chat.page.wait_for_timeout(100)
    assert waits == [1, 2, 4, 8, 15, 15, 15]


def test_a_forged_failure_is_an_error_line_and_does_no_harm(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    with stack.connect() as mallory:
        mallory.send(json.dumps({"message": "x" * 5000, "connectionId": "<b>c</b>", "requestId": "r"}))
        anna.eventually(lambda: len(anna.notes), 1)
        assert len(anna.notes[0]) < 300 and anna.messages == []
    anna.write("still here")
    ben.eventually(lambda: ben.messages, ["still here"])


def test_somebody_else_s_frame_with_my_name_is_not_mine(stack, open_page):
    anna = open_page(stack.page_url)
    anna.write("I am Anna")
    anna.eventually(lambda: anna.own, ["I am Anna"])
    [mine] = messages_of(anna.sent)
    with stack.connect() as mallory:
        mallory.send(json.dumps({"message": "I owe you 100", "id": "other", "from": mine["from"]}))
        mallory.send(json.dumps({"message": "replaced", "id": mine["id"], "from": mine["from"]}))
        mallory.send(json.dumps({"message": "end", "id": "end"}))
        anna.eventually(lambda: anna.messages, ["I am Anna", "I owe you 100", "end"])
    assert anna.own == ["I am Anna"]


# ------------------------------------------------------------------ Clocks and frames


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
def test_setting_the_clock_changes_no_interval(open_page, gateway, page_for, hours):
    """Only what is shown as a time of day follows the system's clock."""
    chat = open_page(page_for(gateway.url))
    chat.write("before")
    chat.eventually(lambda: chat.waiting, [])
    [before] = gateway.connections
    shifted = f"class extends Date {{ static now() {{ return super.now() + {hours * 3_600_000}; }} }}"
    chat.page.evaluate(f"() => {{ Date = {shifted}; }}")
    before.close()
    chat.wait_for_state("Reconnecting")
    assert re.fullmatch(r"Reconnecting(\s+in 1 s)?", chat.state)
    chat.wait_for_state("Connected")
    chat.write("after")
    chat.eventually(lambda: chat.messages, ["before", "after"])
    assert chat.notes == []


def test_scripts_read_the_wall_clock_for_display_only():
    source = "".join(file.read_text() for file in PAGE_FOLDER.glob("*.js"))
    assert "Date.now" not in source and "getTime" not in source and "timeStamp" not in source
    assert source.count("new Date(") == 2, "one for each message that arrives, and for each that is sent"


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_text_in_binary_frames_is_text(chat, gateway, prefix):
    for number in range(5):
        gateway.say({"message": f"text {number}"})
        gateway.say_bytes(prefix + json.dumps({"message": f"grüße {number} 😀"}, ensure_ascii=False).encode())
    expected = [text for number in range(5) for text in (f"text {number}", f"grüße {number} 😀")]
    chat.eventually(lambda: chat.messages, expected)
    gateway.say_bytes(b"\xff\xfe\x00")
    gateway.say_bytes(b"")
    gateway.say_bytes(b'{"type":"heartbeat"}')
    gateway.say({"message": "last"})
    chat.eventually(lambda: chat.messages[-1:], ["last"])
    assert chat.notes == []
