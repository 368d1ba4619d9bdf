"""Connection losses: no message is lost, duplicated or reordered."""

import json
import socket
import time

from page_support import drop_every_connection, messages_of, numbered, stop_clock, stopped

def test_reconnects_after_the_server_closes_the_socket(stack, open_page):
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


def test_outage_of_20_seconds_loses_and_duplicates_no_message(open_page, proxy, page_for):
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
    anna.page.wait_for_timeout(3000)  # repeats are sent within two seconds
    for chat in (anna, ben):
        assert sorted(chat.messages) == everything
        for name in ("anna", "ben"):
            assert [text for text in chat.messages if text.startswith(name)] == numbered(name, 5), "in order"
        assert chat.waiting == []
        assert [note for note in chat.notes if note.startswith("Reconnected after")]


def test_server_suspended_for_20_seconds_loses_and_duplicates_no_message(stack, open_page):
    """The sockets stay open, so the page sends into them without an error."""
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


def test_messages_written_before_the_first_connection_are_sent_once_in_order(stack, open_page, proxy, page_for):
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


def test_socket_lost_before_the_echo_loses_and_duplicates_no_message(open_page, gateway, page_for):
    """The message is delivered to others, and the sender's socket closes before the echo."""
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
    """API Gateway handles a connection's messages in parallel and may reorder them."""
    chat = open_page(page_for(gateway.url))
    gateway.answer = lambda connection, frame: None
    for text in numbered("message", 3):
        chat.write(text)
    chat.page.wait_for_timeout(500)
    assert [frame["message"] for frame in messages_of(gateway.received)] == ["message 0"]
    gateway.answer = gateway.broadcast
    gateway.say(gateway.received[0])
    chat.eventually(lambda: chat.messages, numbered("message", 3))


def test_disconnected_page_receives_the_messages_that_it_missed(stack, open_page, proxy, page_for):
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


def test_forged_away_frames_cause_one_round_of_repeats(open_page, gateway, page_for):
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
    assert repeated == numbered("message", 30), "one round of repeats for 100 frames"
    assert chat.messages == numbered("message", 30)


def test_message_without_an_echo_is_resent_on_a_new_socket(clocked, gateway):
    chat = clocked
    [before] = gateway.connections
    gateway.answer = lambda connection, frame: None if connection is before else gateway.broadcast(connection, frame)
    chat.write("into the void")
    chat.page.clock.run_for("00:29")
    assert gateway.connections == [before], "API Gateway waits 29 s for a function"
    chat.page.clock.run_for("00:03")
    chat.wait_for_state("Connected")
    chat.page.clock.run_for(1000)
    chat.eventually(lambda: chat.messages, ["into the void"])
    assert (
        len(messages_of(gateway.received)) == 2 and len({frame["id"] for frame in messages_of(gateway.received)}) == 1
    )


def test_handshake_without_an_answer_times_out(open_page, page_for):
    """For a suspended process, the kernel accepts the connection, and no answer follows."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}/dev"
        chat = open_page(page_for(url), connected=False, before=stop_clock)
        assert chat.state == "Connecting"
        chat.page.clock.run_for("00:10")
        chat.wait_for_state("Reconnecting in")
