"""Server failures, forged frames, clock changes and binary frames: the page keeps working."""

import json
import re

import pytest
from fake_chat_rooms import FAILS, SILENCE
from page_support import PAGE_FOLDER, deliver, sends, stop_clock, texts_of

# ------------------------------------------------------------------ Failures


@pytest.mark.parametrize("fault", ["unavailable", FAILS], ids=["error", "gateway"])
def test_failing_server_is_retried_four_times_before_the_person_is_asked(clocked, fake_chat, fault):
    chat = clocked
    fake_chat.faults["send"].extend([fault] * 5)
    chat.write("please")
    for _ in range(150):
        chat.page.clock.run_for(1000)
        chat.page.wait_for_timeout(20)
        if not fake_chat.faults["send"] and chat.page.locator("#outbox .failed").count():
            break
    assert len(sends(fake_chat.received)) == 5
    assert chat.waiting == ["please"] and chat.messages == []
    assert chat.notes[-1].startswith("A message was not sent: ")
    assert "1 message not sent" in chat.page.inner_text("#delivery")
    chat.write("and this?")
    chat.eventually(lambda: chat.own, ["and this?"])

    chat.page.get_by_role("button", name="Try again").click()
    chat.eventually(lambda: chat.own, ["and this?", "please"])
    chat.eventually(lambda: chat.waiting, [])


@pytest.mark.parametrize("code", ["invalid", "too_large", "forbidden"])
def test_rejected_message_is_not_repeated_and_can_be_discarded(chat, fake_chat, code):
    fake_chat.faults["send"].append(code)
    chat.write("no")
    chat.eventually(lambda: chat.notes, [f"A message was not sent: refused by the test: {code}"])
    chat.eventually(lambda: chat.texts("#announcer p"), chat.notes)
    chat.write("yes")
    chat.eventually(lambda: chat.own, ["yes"])
    assert chat.waiting == ["no"]
    chat.page.get_by_role("button", name="Discard").click()
    assert chat.waiting == [] and chat.page.inner_text("#delivery").strip() == ""
    assert chat.page.evaluate("document.activeElement.id") == "message"
    assert texts_of(fake_chat.received) == ["no", "yes"]


def test_entering_is_retried_and_reported_if_it_keeps_failing(open_page, fake_chat, page_for):
    fake_chat.faults["enter"].extend(["unavailable"] * 5)
    fast = "Math.random = () => 0.01"
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(fast))
    assert chat.notes == ["The server reported: refused by the test: unavailable"]
    chat.write("hello")
    chat.eventually(lambda: chat.own, ["hello"])


def test_server_without_the_protocol_is_reported(open_page, fake_chat, page_for):
    fake_chat.faults["enter"].extend([SILENCE] * 3)
    chat = open_page(page_for(fake_chat.url), connected=False, before=stop_clock)
    chat.eventually(lambda: len(fake_chat.received), 1)
    chat.step = 500
    chat.eventually(lambda: len(chat.notes), 1)
    assert chat.notes == ["The server did not answer within 30 s."]
    chat.wait_for_state("Connected")
    assert chat.notes[0] == "The server did not answer within 30 s."


def test_refused_handshake_is_retried(open_page, fake_chat, page_for):
    fake_chat.refusal = (403, "no")
    chat = open_page(page_for(fake_chat.url), connected=False)
    chat.wait_for_state("Reconnecting")
    fake_chat.refusal = None
    chat.wait_for_state("Connected")


def test_backoff_doubles_up_to_15_seconds(open_page, fake_chat, page_for):
    fake_chat.stop()
    chat = open_page(
        page_for(fake_chat.url),
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


# ------------------------------------------------------------------ Forged frames

GATEWAY_ERROR = {"message": "<b>Send me your key</b>", "connectionId": "c", "requestId": "r"}


def test_flood_of_forged_errors_neither_repeats_nor_fails_a_message(chat, fake_chat):
    fake_chat.deliveries.clear()
    chat.write("hello")
    chat.eventually(lambda: len(sends(fake_chat.received)), 1)
    # As if they had overtaken the echo.
    for member in fake_chat.chosen(lambda member: True):
        for _ in range(100):
            member.connection.send(json.dumps(GATEWAY_ERROR))
    chat.eventually(lambda: chat.notes, ["The server reported: an error"])
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.own, ["hello"])
    chat.page.wait_for_timeout(6000)
    assert texts_of(fake_chat.received) == ["hello"] and chat.waiting == []
    assert chat.notes == ["The server reported: an error"]


def test_forged_errors_do_not_prevent_entering(open_page, fake_chat, page_for):
    fake_chat.deliveries.clear()
    chat = open_page(page_for(fake_chat.url), connected=False)
    chat.eventually(lambda: len(fake_chat.received), 1)
    for member in fake_chat.chosen(lambda member: True):
        for _ in range(100):
            member.connection.send(json.dumps(GATEWAY_ERROR))
    chat.page.wait_for_timeout(500)
    fake_chat.deliveries.set()
    chat.wait_for_state("Connected")
    assert len([text for text in fake_chat.received if '"enter"' in text]) == 1


def test_answers_without_a_request_are_ignored(chat, fake_chat):
    chat.write("hello")
    chat.eventually(lambda: chat.own, ["hello"])
    chat.page.wait_for_timeout(5000)
    people = chat.people
    state = {"users": [], "count": 7, "messages": [], "more": True}
    fake_chat.say({"type": "entered", "you": {"id": "x", "name": "X"}, **state})
    fake_chat.say({"type": "who", **state})
    fake_chat.say({"type": "history", **state})
    deliver(fake_chat, "end")
    chat.eventually(lambda: chat.messages, ["hello", "end"])
    assert chat.people == people and chat.own == ["hello"]
    chat.write("still me")
    chat.eventually(lambda: chat.own, ["hello", "still me"])


# ------------------------------------------------------------------ Clocks and frames


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
def test_change_of_the_system_clock_changes_no_interval(open_page, fake_chat, page_for, hours):
    """Only the displayed times follow the system clock."""
    chat = open_page(page_for(fake_chat.url))
    chat.write("before")
    chat.eventually(lambda: chat.waiting, [])
    shifted = f"class extends Date {{ static now() {{ return super.now() + {hours * 3_600_000}; }} }}"
    chat.page.evaluate(f"() => {{ Date = {shifted}; }}")
    fake_chat.close()
    assert re.fullmatch(r"Reconnecting(\s+in 1 s)?", chat.wait_for_state("Reconnecting"))
    chat.wait_for_state("Connected")
    chat.write("after")
    chat.eventually(lambda: chat.messages, ["before", "after"])


def test_scripts_read_the_wall_clock_for_display_only():
    # The age of a token: the monotonic clock may stop while the machine sleeps.
    files = [file for file in PAGE_FOLDER.glob("*.js") if file.name != "signin.js"]
    source = "".join(file.read_text() for file in files)
    assert "Date.now" not in source and "getTime" not in source and "timeStamp" not in source
    assert source.count("new Date()") == 2, "one for a message to be sent, one for text without the protocol"


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_binary_utf_8_frames_are_messages(chat, fake_chat, prefix):
    for number in range(5):
        fake_chat.say({"message": f"text {number}"})
        fake_chat.say(prefix + json.dumps({"message": f"grüße {number} 😀"}, ensure_ascii=False).encode())
    expected = [text for number in range(5) for text in (f"text {number}", f"grüße {number} 😀")]
    chat.eventually(lambda: chat.messages, expected)
    fake_chat.say(b"\xff\xfe\x00")
    fake_chat.say(b"")
    fake_chat.say(b'{"type":"heartbeat"}')
    fake_chat.say({"message": "last"})
    chat.eventually(lambda: chat.newest, "last")
    assert chat.notes == []
