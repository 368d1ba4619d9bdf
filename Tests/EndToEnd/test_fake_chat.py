"""The fake chat server keeps docs/protocol.md: a check of what other tests rely on, in a second."""

import json

import chat_rules as rules
import pytest
from chat_client import ChatClient, catch_up
from chat_contract import FRAME_LIMIT, raw_message
from fake_chat_rooms import FAILS, KEPT_ONLY, SILENCE
from websockets.exceptions import ConnectionClosed, InvalidStatus


@pytest.fixture
def person(fake_chat):
    """A function that connects a person to the fake server; with `enters`, who has entered."""
    clients = []

    def person(name, key=None, room=None, enters=True):
        client = ChatClient(fake_chat.url, room, name, key)
        clients.append(client)
        if enters:
            client.enter()
        return client

    yield person
    for client in clients:
        client.connection.close()


def test_enter_returns_the_room_and_announces_the_person(person):
    ann = person("Ann", "a")
    bob = person("Bob", "b", enters=False)
    entered = bob.enter()
    assert entered["you"] == {"id": rules.user_id("key:b"), "name": "Bob"}
    assert entered["room"] == "lobby"
    assert entered["users"] == [ann.you, bob.you]
    assert entered["count"] == 2
    assert ann.next("presence") == {"type": "presence", "event": "join", "user": bob.you, "count": 2}


def test_a_second_connection_of_a_person_neither_joins_nor_leaves(person):
    ann = person("Ann", "a")
    first, second = person("Bob", "b"), person("Bob", "b")
    ann.next("presence")
    assert second.who()["count"] == 2
    first.connection.close()
    assert ann.quiet() == []
    second.connection.close()
    assert ann.next("presence") == {"type": "presence", "event": "leave", "user": first.you, "count": 1}


def test_send_is_stamped_kept_and_delivered_byte_for_byte(fake_chat, person):
    ann, bob, elsewhere = person("Ann", "a"), person("Bob", "b", enters=False), person("Eve", room="other")
    ann.send_text('{"action":"send", "message" : {"a": 1.0e0, "a":"\\u00e9"} ,"from":{"id":"x"},"clientId":"c"}')
    text = ann.text_of("message")
    assert bob.text_of("message") == text
    assert raw_message(text) == '{"a": 1.0e0, "a":"\\u00e9"}'
    frame = json.loads(text)
    assert (frame["from"], frame["clientId"], frame["room"]) == (ann.you, "c", "lobby")
    assert [json.loads(kept) for _, kept in fake_chat.kept["lobby"]] == [frame]
    assert elsewhere.quiet() == []


def test_ephemeral_messages_are_not_kept(fake_chat, person):
    ann = person("Ann")
    ann.send({"typing": True}, ephemeral=True)
    assert ann.next("message")["ephemeral"] is True
    assert not fake_chat.kept["lobby"]


def test_history_pages_in_both_directions_by_number_and_by_size(fake_chat, person):
    ids = [fake_chat.keep(number, at=1_800_000_000_000 + number) for number in range(10)]
    ann = person("Ann", enters=False)

    def page(**fields):
        answer = ann.history(**fields)
        return [message["message"] for message in answer["messages"]], answer["more"]

    assert page(limit=3) == ([7, 8, 9], True)
    assert page(limit=3, before=ids[3]) == ([0, 1, 2], False)
    assert page(limit=3, after=ids[3]) == ([4, 5, 6], True)
    assert page(after=ids[6]) == ([7, 8, 9], False)
    for number in range(3):
        fake_chat.keep("x" * 60_000, at=1_900_000_000_000 + number)
    assert [len(text) for text in page()[0]] == [60_000, 60_000]


def test_catch_up_returns_what_was_missed(fake_chat, person):
    fake_chat.page = 4
    ids = [fake_chat.keep(number, at=1_800_000_000_000 + number * 10_000) for number in range(20)]
    messages = catch_up(person("Ann", enters=False), ids[9])
    # From 30 s before the last message that it has.
    assert [message["message"] for message in messages] == list(range(6, 20))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"action": "send", "clientId": "c"}, "invalid"),
        ({"action": "send", "clientId": "c", "message": 1, "ephemeral": 1}, "invalid"),
        ({"action": "history", "limit": 0}, "invalid"),
        ({"action": "history", "limit": True}, "invalid"),
        ({"action": "history", "before": rules.message_id(1), "after": rules.message_id(1)}, "invalid"),
        ({"action": "enter", "after": "yesterday"}, "invalid"),
        ({"action": "send", "message": "x" * 130_000}, "too_large"),
        ({"type": "message", "message": 1}, "forbidden"),
        ({"message": "failed", "connectionId": "a", "requestId": "b"}, "forbidden"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refuses_malformed_requests(person, frame, code):
    ann = person("Ann")
    ann.send_text(json.dumps(frame))
    assert ann.error(code).get("clientId") == frame.get("clientId")
    assert ann.who()["count"] == 1


@pytest.mark.parametrize("text", ["x" * (FRAME_LIMIT + 1), ["x" * FRAME_LIMIT] * 5], ids=["32 KB", "128 KB"])
def test_closes_a_connection_on_more_than_api_gateway_accepts(person, text):
    ann = person("Ann")
    with pytest.raises(ConnectionClosed):
        ann.connection.send(text)
        ann.receive()


@pytest.mark.parametrize(
    "query", ["room=", "room=a%20b", "room=a&room=b", "name=%00", "name=%20", "key=a%20b", "name=%ff"]
)
def test_refuses_malformed_handshakes(fake_chat, query):
    with pytest.raises(InvalidStatus) as refused:
        ChatClient(f"{fake_chat.url}?{query}")
    assert refused.value.response.status_code == 400


def test_faults(fake_chat, person):
    ann = person("Ann")
    fake_chat.faults["send"] += [SILENCE, "unavailable", FAILS, KEPT_ONLY]
    for number in range(5):
        ann.send(number, client_id=str(number))
    assert ann.error("unavailable")["clientId"] == "1"
    assert ann.next("message")["message"] == 4
    assert "Internal server error" in ann.quiet()[0]
    assert [message["message"] for message in ann.history()["messages"]] == [3, 4]
    fake_chat.stop()
    with pytest.raises(ConnectionClosed):
        ann.receive()
    with pytest.raises(OSError):
        ChatClient(fake_chat.url)
    fake_chat.start()
    assert len(person("Bob", enters=False).history()["messages"]) == 2
