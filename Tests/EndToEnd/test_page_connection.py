"""Connection losses: no message is lost, duplicated or reordered."""

import json
import socket
import time

import pytest
from fake_chat_rooms import FAILS, KEPT_ONLY, SILENCE
from page_support import advance, deliver, drop_every_connection, numbered, sends, stop_clock, stopped, texts_of

# ------------------------------------------------------------------ The real stack


def test_reconnects_after_the_server_closes_the_socket(stack, open_page):
    anna, ben = open_page(f"{stack.page_url}#closed"), open_page(f"{stack.page_url}#closed")
    drop_every_connection(stack)
    anna.write("one")
    for chat in (anna, ben):
        chat.wait_for_state("Connected")
    anna.write("two")
    ben.write("three")
    for chat in (anna, ben):
        chat.eventually(lambda: sorted(chat.messages), ["one", "three", "two"])
    assert anna.own == ["one", "two"] and ben.own == ["three"]
    assert anna.messages == ben.messages, "the same order everywhere"


def test_outage_of_20_seconds_loses_and_duplicates_no_message(open_page, proxy, page_for):
    anna, ben = (open_page(f"{page_for(proxy.url)}#outage") for _ in range(2))
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

    everything = sorted(["before", *numbered("anna", 5), *numbered("ben", 5)])
    for chat in (anna, ben):
        chat.wait_for_state("Connected")
        chat.eventually(lambda: sorted(chat.messages), everything)
    anna.page.wait_for_timeout(5000)  # the check that follows a connect
    for chat in (anna, ben):
        assert sorted(chat.messages) == everything
        for name in ("anna", "ben"):
            assert [text for text in chat.messages if text.startswith(name)] == numbered(name, 5), "in order"
        assert chat.waiting == []
        assert [note for note in chat.notes if note.startswith("Reconnected after")]
    assert anna.messages == ben.messages


def test_server_suspended_for_20_seconds_loses_and_duplicates_no_message(stack, open_page):
    """The sockets stay open, so the page sends into them without an error."""
    anna, ben = open_page(f"{stack.page_url}#suspended"), open_page(f"{stack.page_url}#suspended")
    with stopped(stack):
        for chat, name in ((anna, "anna"), (ben, "ben")):
            for text in numbered(name, 3):
                chat.write(text)
        anna.page.wait_for_timeout(20_000)
        assert anna.messages == [] and anna.waiting == numbered("anna", 3)
    everything = numbered("anna", 3) + numbered("ben", 3)
    for chat in (anna, ben):
        chat.eventually(lambda: sorted(chat.messages), everything)
    anna.page.wait_for_timeout(2000)
    for chat in (anna, ben):
        assert sorted(chat.messages) == everything and chat.waiting == []


# ------------------------------------------------------------------ Receiving


@pytest.fixture
def pair(open_page, fake_chat, page_for):
    """Two pages in the fake chat server's lobby. Their typing signals, which would meet the faults, are off."""
    quiet = "addEventListener('load', () => { roster.typed = () => {}; })"
    return [open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(quiet)) for _ in range(2)]


@pytest.mark.parametrize("count", [0, 1, 260])
def test_disconnected_page_receives_the_messages_that_it_missed(open_page, fake_chat, page_for, count):
    anna = open_page(page_for(fake_chat.url))
    anna.write("before")
    anna.eventually(lambda: anna.messages, ["before"])
    fake_chat.stop()
    anna.wait_for_state("Reconnecting")
    for text in numbered("meanwhile", count):
        fake_chat.keep(text)
    fake_chat.start()
    everything = ["before", *numbered("meanwhile", count)]
    anna.eventually(lambda: anna.messages, everything)
    anna.wait_for_state("Connected")
    deliver(fake_chat, "after")
    anna.eventually(lambda: anna.messages, [*everything, "after"])


def test_page_catches_up_after_days(open_page, fake_chat, page_for):
    """Nothing but the history has the messages of an absence of any length."""
    day = 24 * 60 * 60 * 1000
    fake_chat.clock_skew = -6 * day
    chat = open_page(page_for(fake_chat.url))
    chat.write("before")
    chat.eventually(lambda: chat.messages, ["before"])
    fake_chat.drop()
    for number in range(60):
        fake_chat.keep(f"{number}", at=fake_chat.now() + number * 2 * 60 * 60 * 1000)
    fake_chat.clock_skew = 0
    chat.eventually(lambda: chat.messages, ["before", *map(str, range(60))])
    assert chat.page.locator("#messages .day").count() >= 5


def test_message_stored_late_with_an_earlier_id_is_found(open_page, fake_chat, page_for):
    """The clocks of two functions differ."""
    chat = open_page(page_for(fake_chat.url))
    chat.write("before")
    chat.eventually(lambda: chat.messages, ["before"])
    fake_chat.drop()
    fake_chat.keep("late", at=fake_chat.now() - 20_000)
    chat.eventually(lambda: chat.messages, ["late", "before"])


def test_message_that_the_new_connection_missed_is_found_seconds_later(open_page, fake_chat, page_for):
    """For a moment after a connect, a delivery may not know the connection yet."""
    chat = open_page(page_for(fake_chat.url))
    fake_chat.keep("not delivered")
    chat.eventually(lambda: chat.messages, ["not delivered"])
    fake_chat.keep("nor this")
    fake_chat.drop()
    chat.wait_for_state("Connected")
    fake_chat.keep("nor this one")
    chat.eventually(lambda: chat.messages, ["not delivered", "nor this", "nor this one"])


def test_message_whose_delivery_was_cut_off_is_found_minutes_later(clocked, fake_chat):
    chat = clocked
    chat.page.clock.run_for(5000)
    chat.page.wait_for_timeout(200)
    fake_chat.keep("cut off")
    deliver(fake_chat, "delivered")
    chat.eventually(lambda: chat.messages, ["delivered"])
    chat.page.clock.run_for("05:10")
    chat.eventually(lambda: sorted(chat.messages), ["cut off", "delivered"])


def test_silent_room_is_not_read_again(clocked, fake_chat):
    chat = clocked
    advance(chat, 400, step=2)
    assert len(fake_chat.handshakes) == 1
    assert len([text for text in fake_chat.received if '"history"' in text]) == 1


def test_connection_cut_at_random_loses_and_duplicates_no_message(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script("Math.random = () => 0.01"))
    sent = 0
    for cut in range(30):
        for _ in range(40):
            fake_chat.keep(f"{sent}", deliver=True)
            sent += 1
            if sent % 40 == cut:
                fake_chat.drop()
    chat.wait_for_state("Connected")
    chat.eventually(lambda: chat.messages, [str(number) for number in range(sent)])


# ------------------------------------------------------------------ Sending


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


def test_handshake_without_an_answer_times_out(open_page, page_for):
    """For a suspended process, the kernel accepts the connection, and no answer follows."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}/dev"
        chat = open_page(page_for(url), connected=False, before=stop_clock)
        assert chat.state == "Connecting"
        chat.page.clock.run_for("00:10")
        chat.wait_for_state("Reconnecting in")
