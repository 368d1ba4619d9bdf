"""Messages to be sent: none is lost, sent twice or reordered."""

import json

import pytest
from fake_chat_rooms import FAILS, KEPT_ONLY, SILENCE
from page_support import advance, deliver, numbered, sends, texts_of


@pytest.fixture
def pair(open_page, fake_chat, page_for):
    """Two pages in the fake chat server's lobby. Their typing signals, which would meet the faults, are off."""
    quiet = "addEventListener('load', () => { roster.typed = () => {}; })"
    return [open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(quiet)) for _ in range(2)]


def test_messages_written_before_the_first_connection_are_sent_once_in_order(open_page, fake_chat, page_for):
    fake_chat.stop()
    chat = open_page(page_for(fake_chat.url), connected=False)
    chat.wait_for_state("Reconnecting in")
    for text in numbered("queued", 10):
        chat.write(text)
    fake_chat.start()
    chat.eventually(lambda: chat.own, numbered("queued", 10))
    assert texts_of(fake_chat.received) == numbered("queued", 10)
    assert len({frame["clientId"] for frame in sends(fake_chat.received)}) == 10


def test_messages_written_before_the_server_is_known_are_kept(open_page, fake_chat, page_server):
    page_server.configuration = (503, b"")
    chat = open_page(page_server.url, connected=False)
    chat.eventually(lambda: chat.state, "No server")
    chat.write("hello")
    assert chat.waiting == ["hello"]
    page_server.configuration = (200, json.dumps({"url": fake_chat.url}).encode())
    chat.page.get_by_role("button", name="Start").click()
    chat.eventually(lambda: chat.own, ["hello"])


@pytest.mark.parametrize("fault", [KEPT_ONLY, SILENCE, None], ids=["stored", "lost", "delivered"])
def test_socket_lost_before_the_echo_loses_and_duplicates_no_message(pair, fake_chat, fault):
    anna, ben = pair
    if fault:
        fake_chat.faults["send"].append(fault)
    fake_chat.deliveries.clear()
    anna.write("did you get this?")
    anna.eventually(lambda: len(sends(fake_chat.received)), 1)
    fake_chat.drop()
    fake_chat.deliveries.set()
    for chat in pair:
        chat.eventually(lambda: chat.messages, ["did you get this?"])
    anna.eventually(lambda: anna.waiting, [])
    assert len(fake_chat.kept["lobby"]) == 1
    assert len(sends(fake_chat.received)) == (2 if fault is SILENCE else 1), "sent again only if it is not stored"


def test_messages_that_come_in_one_frame_are_shown_and_acknowledged(chat, fake_chat):
    fake_chat.gathers = 4
    deliver(fake_chat, "before")
    chat.write("mine")
    chat.eventually(lambda: len(sends(fake_chat.received)), 1)
    deliver(fake_chat, "after")
    deliver(fake_chat, {"typing": True}, name="Cleo", key="cleo", ephemeral=True)
    chat.eventually(lambda: chat.messages, ["before", "mine", "after"])
    chat.eventually(lambda: (chat.own, chat.waiting), (["mine"], []))
    assert chat.typing == "Cleo is typing…"
    assert len(sends(fake_chat.received)) == 1


def test_one_message_is_in_flight_at_a_time(open_page, fake_chat, page_for):
    """API Gateway handles a connection's messages in parallel and may reorder them."""
    chat = open_page(page_for(fake_chat.url))
    fake_chat.deliveries.clear()
    for text in numbered("message", 3):
        chat.write(text)
    chat.page.wait_for_timeout(500)
    assert texts_of(fake_chat.received) == ["message 0"]
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.messages, numbered("message", 3))


@pytest.mark.parametrize("fault", [SILENCE, KEPT_ONLY], ids=["lost", "stored"])
def test_message_without_an_echo_is_looked_for_on_a_new_socket(clocked, fake_chat, fault):
    chat = clocked
    # The check that follows a connect would find the stored message sooner.
    advance(chat, 6)
    fake_chat.faults["send"].append(fault)
    chat.write("into the void")
    chat.eventually(lambda: len(sends(fake_chat.received)), 1)
    chat.page.clock.run_for("00:29")
    chat.eventually(lambda: chat.page.evaluate("session.isProbing"), False)
    assert len(fake_chat.handshakes) == 1, "API Gateway waits 29 s for a function"
    chat.page.clock.run_for("00:03")
    chat.eventually(lambda: chat.messages, ["into the void"])
    assert len(fake_chat.handshakes) == 2
    assert len(sends(fake_chat.received)) == (2 if fault is SILENCE else 1)
    assert len({frame["clientId"] for frame in sends(fake_chat.received)}) == 1


@pytest.mark.parametrize("fault", ["unavailable", "rate_limited", FAILS])
def test_message_that_failed_once_is_sent_again(pair, fake_chat, fault):
    anna, ben = pair
    fake_chat.faults["send"].append(fault)
    for text in ("one", "two"):
        anna.write(text)
    for chat in pair:
        chat.eventually(lambda: chat.messages, ["one", "two"])
    assert texts_of(fake_chat.received) == ["one", "one", "two"]
    assert ben.page.locator("#messages .note.error").count() == 0


def test_message_that_failed_is_looked_for_before_any_other_is_sent(pair, fake_chat):
    """It may be stored although it failed: sending it again at once could duplicate it."""
    anna, _ = pair
    anna.page.evaluate("Math.random = () => 0.5")
    fake_chat.faults["send"].append("unavailable")
    before = len(fake_chat.received)
    anna.write("one")
    anna.eventually(lambda: texts_of(fake_chat.received), ["one"])
    anna.write("two")
    anna.eventually(lambda: anna.messages, ["one", "two"])
    frames = [json.loads(frame) for frame in fake_chat.received[before:]]
    sent = [index for index, frame in enumerate(frames) if frame["action"] == "send"]
    assert texts_of(fake_chat.received) == ["one", "one", "two"]
    assert "history" in [frame["action"] for frame in frames[sent[0] : sent[1]]]
