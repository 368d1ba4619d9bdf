"""Server failures, forged frames, clock changes and binary frames: the page keeps working."""

import json
import re

import pytest
from page_support import PAGE_FOLDER, messages_of, stop_clock

# ------------------------------------------------------------------ Failures


def test_failing_server_is_retried_four_times_before_the_person_is_asked(clocked, gateway):
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


def test_backoff_doubles_up_to_15_seconds(open_page, proxy, page_for):
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


def test_forged_error_frame_is_shown_as_a_short_note(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    with stack.connect() as mallory:
        mallory.send(json.dumps({"message": "x" * 5000, "connectionId": "<b>c</b>", "requestId": "r"}))
        anna.eventually(lambda: len(anna.notes), 1)
        assert len(anna.notes[0]) < 300 and anna.messages == []
    anna.write("still here")
    ben.eventually(lambda: ben.messages, ["still here"])


def test_frame_with_a_copied_sender_id_is_not_shown_as_own(stack, open_page):
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
def test_change_of_the_system_clock_changes_no_interval(open_page, gateway, page_for, hours):
    """Only the displayed times follow the system clock."""
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
    assert source.count("new Date(") == 2, "one for received messages, one for sent messages"


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_binary_utf_8_frames_are_messages(chat, gateway, prefix):
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
