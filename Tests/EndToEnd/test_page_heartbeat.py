"""Heartbeats: a dead connection is replaced within a minute, a live one is kept, and no function is invoked."""

import json
import time

import fake_chat_rooms
import pytest
from page_support import advance, deliver, heartbeats, sends, stop_clock
from stack import TEMPLATE


def test_heartbeat_is_answered_to_its_sender_only_without_an_invocation(stack, open_page):
    chat = open_page(stack.page_url, before=stop_clock)
    chat.step = 20
    # The page's check for missed messages.
    chat.page.clock.run_for(5000)
    with stack.connect() as other:
        before = message_invocations(stack)
        for count in range(1, 4):
            while heartbeats(chat) < count:
                chat.page.clock.run_for(1000)
            chat.eventually(lambda: chat.page.evaluate("session.isProbing"), False)
        chat.page.wait_for_timeout(1000)
        assert message_invocations(stack) == before
        other.send('{"message":"the first thing that others see"}')
        assert other.recv(5) == '{"message":"the first thing that others see"}'
        chat.eventually(lambda: message_invocations(stack), before + 1)
        chat.page.clock.run_for(1000)
        chat.eventually(lambda: chat.newest, "the first thing that others see")
    assert chat.state == "Connected" and chat.notes == []


def test_template_and_local_aws_define_the_same_answer(stack):
    with stack.connect() as client:
        client.send('{"action":"heartbeat"}')
        answer = client.recv(5)
    assert answer == '{"type":"heartbeat"}'
    assert TEMPLATE.read_text().count(f"$default: '{answer}'") == 1


def test_stalled_socket_is_replaced_within_a_minute(stack, open_page, proxy, page_for):
    """After a change of network, no data arrives in either direction, and neither side gets an error."""
    chat = open_page(page_for(proxy.url))
    proxy.stall()
    deadline = time.monotonic() + 60
    with stack.connect(max_queue=None) as other:
        while "hello?" not in chat.messages and time.monotonic() < deadline:
            other.send('{"message":"hello?"}')
            chat.page.wait_for_timeout(1000)
    assert "hello?" in chat.messages and chat.state == "Connected"


def message_invocations(stack):
    """Counts the invocations of the message function. The platform logs one START line for each."""
    group = stack.resource("MessageLogGroup")
    pages = (
        stack.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, filterPattern='"START RequestId"')
    )
    return sum(len(page["events"]) for page in pages)


def test_every_frame_restarts_the_heartbeat_interval(clocked, fake_chat):
    for number in range(20):
        deliver(fake_chat, f"{number}")
        clocked.page.clock.run_for(50)
        clocked.eventually(lambda: clocked.newest, f"{number}")
        clocked.page.clock.run_for(29_000)
    assert heartbeats(clocked) == 0
    clocked.page.clock.run_for(12_000)
    assert heartbeats(clocked) == 1


def test_jitter_spreads_heartbeats_over_5_seconds_or_more(chat):
    delays = chat.page.evaluate(
        """() => {
          const delays = [];
          const socket = { readyState: 1 };
          window.setTimeout = (action, delay) => { delays.push(delay); return 0; };
          window.WebSocket = function () { return socket; };
          return Array.from({ length: 100 }, () => {
            new Connection({ state() {}, opened() {} }).start("ws://a.example");
            socket.onopen();
            return delays.pop();
          });
        }"""
    )
    assert all(30_000 <= delay <= 40_000 for delay in delays)
    assert max(delays) - min(delays) > 5000


def make_deaf(fake_chat):
    """Nothing arrives from the current connections any more, in either direction."""
    for member in fake_chat.chosen(lambda member: True):
        member.post = lambda frame: None


def test_unanswered_heartbeat_replaces_the_socket(clocked, fake_chat):
    advance(clocked, 45)
    assert heartbeats(clocked) == 1
    make_deaf(fake_chat)
    advance(clocked, 51)
    clocked.eventually(lambda: len(fake_chat.handshakes), 2)
    clocked.wait_for_state("Connected")
    deliver(fake_chat, "heard")
    clocked.page.clock.run_for(1000)
    clocked.eventually(lambda: clocked.messages, ["heard"])


def test_socket_that_is_deaf_from_the_beginning_is_replaced(clocked, fake_chat):
    make_deaf(fake_chat)
    advance(clocked, 51)
    clocked.eventually(lambda: len(fake_chat.handshakes), 2)


def test_server_that_never_answers_heartbeats_keeps_its_connections(clocked, fake_chat):
    fake_chat.answers_heartbeats = False
    advance(clocked, 150)
    settled = len(fake_chat.handshakes)
    assert settled == 3
    advance(clocked, 1200, step=5)
    assert len(fake_chat.handshakes) == settled and clocked.state == "Connected"
    # API Gateway closes after 10 minutes of silence.
    assert heartbeats(clocked) >= 5


@pytest.mark.parametrize("event", ["online", "pageshow", "visibilitychange"])
def test_change_of_network_sends_one_heartbeat_at_once(clocked, fake_chat, event):
    advance(clocked, 45)
    make_deaf(fake_chat)
    before = heartbeats(clocked)
    advance(clocked, 3)
    target = "document" if event == "visibilitychange" else "window"
    for _ in range(3):
        clocked.page.evaluate(f"{target}.dispatchEvent(new Event('{event}'))")
    clocked.page.wait_for_timeout(50)
    assert heartbeats(clocked) == before + 1
    advance(clocked, 10)
    clocked.eventually(lambda: len(fake_chat.handshakes), 2)


def test_socket_that_is_alive_after_sleep_is_kept(clocked, fake_chat):
    advance(clocked, 10)
    clocked.page.clock.fast_forward("30:00")
    clocked.eventually(lambda: heartbeats(clocked), 1)
    advance(clocked, 20)
    assert len(fake_chat.handshakes) == 1 and clocked.state == "Connected"


def test_error_frame_for_a_throttled_heartbeat_is_not_shown(clocked, fake_chat, monkeypatch):
    error = json.dumps({"message": "Too Many Requests", "connectionId": "c", "requestId": "r"})
    monkeypatch.setattr(fake_chat_rooms, "HEARTBEAT", error)
    advance(clocked, 130)
    assert len(fake_chat.handshakes) == 1 and clocked.notes == [] and heartbeats(clocked) >= 2
    fake_chat.faults["send"].append(fake_chat_rooms.SILENCE)
    clocked.write("hello")
    clocked.eventually(lambda: len(sends(fake_chat.received)), 1)
    fake_chat.say(error)
    clocked.eventually(lambda: clocked.notes, ["The server reported: Too Many Requests"])
