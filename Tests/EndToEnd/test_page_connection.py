"""Connection losses: no message is missed, duplicated or reordered."""

import socket
import time

import pytest
from page_support import advance, deliver, drop_every_connection, numbered, stop_clock, stopped

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


def test_handshake_without_an_answer_times_out(open_page, page_for):
    """For a suspended process, the kernel accepts the connection, and no answer follows."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}/dev"
        chat = open_page(page_for(url), connected=False, before=stop_clock)
        assert chat.state == "Connecting"
        chat.page.clock.run_for("00:10")
        chat.wait_for_state("Reconnecting in")
