"""docs/protocol.md on the wire: the packaged zip behind the local API Gateway. asyncapi.yaml validates each frame."""

import json
import time
import uuid

import pytest
from chat_client import CONTRACT, ChatClient
from chat_contract import FRAME_LIMIT, MESSAGE_LIMIT, raw_message
from page_support import eventually
from websockets.exceptions import InvalidStatus



@pytest.fixture
def room():
    """A room of the test's own."""
    return f"test-{uuid.uuid4()}"


@pytest.fixture
def person(stack, room):
    """A function that connects a person to the room of the test; with `enters`, who has entered."""
    clients = []

    def person(name=None, key=None, room=room, enters=True):
        client = ChatClient(stack.websocket_url, room, name, key)
        clients.append(client)
        if enters:
            client.enter()
        return client

    yield person
    for client in clients:
        client.connection.close()


def test_a_conversation_has_every_frame_of_the_document(stack, person, room):
    seen = set()

    def see(frame):
        seen.add(frame["type"])
        return frame

    ann = person("Ann", "a", enters=False)
    ann.request("enter")
    entered = see(ann.next("entered"))
    assert entered | {"you": None} == {
        **{"type": "entered", "you": None, "room": room, "users": [entered["you"]], "count": 1},
        **{"messages": [], "more": False},
    }
    bob = person("Bob", "b")
    assert see(ann.next("presence")) == {"type": "presence", "event": "join", "user": bob.you, "count": 2}
    ann.send("Hello", client_id="1")
    message = see(bob.next("message"))
    assert (message["from"], message["clientId"], message["message"]) == (entered["you"], "1", "Hello")
    assert ann.next("message") == message
    ann.send({"typing": True}, ephemeral=True)
    assert bob.next("message")["ephemeral"] is True
    assert see(ann.history())["messages"] == [message]
    assert see(ann.who()) == {"type": "who", "users": [entered["you"], bob.you], "count": 2}
    ann.request("heartbeat")
    assert see(ann.next("heartbeat")) == {"type": "heartbeat"}
    ann.send_text('{"action":"send","clientId":"2"}')
    assert see(ann.error("invalid"))["clientId"] == "2"
    ann.send("to be deleted")
    id = ann.next("message", where=lambda frame: frame["message"] == "to be deleted")["id"]
    command = {"command": "delete", "room": room, "id": id, "by": "test"}
    function = stack.resource("ModerateFunction")
    stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(command))
    assert see(ann.next("deleted")) == {"type": "deleted", "id": id}
    bob.connection.close()
    assert ann.next("presence") == {"type": "presence", "event": "leave", "user": bob.you, "count": 1}
    # Only large rooms have gathered messages: test_delivery.py.
    assert seen | {"messages"} == CONTRACT.types
    assert person("Cal").enter()["messages"] == [message]


@pytest.mark.parametrize(
    "message",
    [
        *('"text"', "null", "false", "[1,2]", "1E400", '"\\ud800"', "{}", '""'),
        '{"b":1, "a": 1.0e0,\t"a":"é\\u00e9🎉"}',
        # The local AWS reads no more than about a thousand.
        "[" * 500 + "]" * 500,
        '"' + "x" * 32_000 + '"',
    ],
    ids=lambda text: text[:20],
)
def test_any_json_is_delivered_and_kept_byte_for_byte(person, message):
    ann, bob = person("Ann"), person("Bob", enters=False)
    ann.send_text(f'{{"action":"send","message": {message} ,"x":1}}')
    # Without `text_of`, because Python reads no deep nesting.
    texts = [read_raw(client) for client in (ann, bob)]
    assert [raw_message(text) for text in texts] == [message, message]
    bob.send_text('{"action":"history"}')
    assert read_raw(bob) == f'{{"type":"history","messages":[{texts[0]}],"more":false}}'


def read_raw(client):
    """Returns the next message or page."""
    while True:
        text = client.connection.recv(timeout=10)
        if text.startswith(('{"type":"message"', '{"type":"history"')):
            return text


def test_the_largest_message_is_delivered_and_kept_and_one_byte_more_is_refused(person):
    ann = person("Ann", enters=False)

    def send(size):
        text = '{"action":"send","clientId":"1","message":"'
        ann.send_text(text + "x" * (size - len(text) - 2) + '"}')

    send(FRAME_LIMIT)
    largest = ann.next("message")
    for size in (FRAME_LIMIT + 1, MESSAGE_LIMIT):
        send(size)
        assert ann.error("too_large")["clientId"] == "1"
    for _ in range(4):
        send(FRAME_LIMIT)
        ann.next("message")
    # Three of them fit a page.
    newest = ann.history()
    assert (len(newest["messages"]), newest["more"]) == (3, True)
    older = ann.history(before=newest["messages"][0]["id"])
    assert (len(older["messages"]), older["more"]) == (2, False)
    assert older["messages"][0] == largest
    assert len(person("Bob").enter()["messages"]) == 3


@pytest.mark.parametrize(
    "frame",
    [
        '{"action":"send"}',
        '{"action":"send","message":1,"clientId":1}',
        '{"action":"send","message":1,"clientId":""}',
        '{"action":"send","message":1,"ephemeral":"yes"}',
        '{"action":"history","limit":0}',
        '{"action":"history","limit":1.5}',
        '{"action":"history","limit":"5"}',
        '{"action":"history","before":"x"}',
        '{"action":"history","before":"%s","after":"%s"}' % ((str(uuid.UUID(int=7 << 76 | 2 << 62)),) * 2),
        '{"action":"enter","after":5}',
        '{"action":"enter","after":"0d6d1a1c-7a1e-4b6e-8a4a-3f6a1d9b2c4d"}',
    ],
)
def test_a_malformed_request_is_answered_to_its_sender_alone(person, frame):
    ann, bob = person("Ann"), person("Bob")
    ann.next("presence")
    ann.send_text(frame)
    ann.error("invalid")
    assert ann.who()["count"] == 2
    assert bob.quiet() == []


def test_unknown_fields_are_ignored(person):
    ann = person("Ann", enters=False)
    for action in ("enter", "history", "who"):
        ann.send_text(json.dumps({"action": action, "limits": "x", "type": "message", "nested": {"after": 1}}))
    assert [ann.next(kind)["type"] for kind in ("entered", "history", "who")] == ["entered", "history", "who"]


MALFORMED = [
    *("room=", "room=a%20b", "room=%C3%A9", f"room={'x' * 65}", "room=a&room=a", "room=../b"),
    *("name=", "name=%20%20", "name=%00", "name=a%0Ab", "name=%E2%80%AEnnA", "name=%E2%80%8F", "name=a&name=b"),
    f"name={'x' * 65}",
    *("key=", "key=a%20b", "key=%C3%A9", f"key={'x' * 129}", "key=a&key=b", "key=a%0A"),
]


@pytest.mark.parametrize("query", MALFORMED)
def test_a_malformed_parameter_refuses_the_handshake_and_leaves_no_row(stack, query):
    rows = stack.rows().keys()
    with pytest.raises(InvalidStatus) as refused:
        ChatClient(f"{stack.websocket_url}?{query}")
    # AWS answers with the function's 400, the local AWS always with 403.
    assert refused.value.response.status_code in (400, 403)
    assert stack.rows().keys() <= rows


@pytest.mark.parametrize(
    ("query", "room", "name"),
    [
        ("", "lobby", "Guest"),
        ("?room=A.b_c-9&name=%20Ann%20%F0%9F%8E%89", "A.b_c-9", " Ann 🎉"),
        (f"?room={'x' * 64}&name={'%F0%9F%8E%89' * 64}&key={'~' * 128}&other=1&other=2", "x" * 64, "🎉" * 64),
    ],
    ids=["none", "some", "longest"],
)
def test_parameters_of_the_handshake(stack, query, room, name):
    with ChatClient(f"{stack.websocket_url}{query}") as client:
        entered = client.enter()
        assert (entered["room"], entered["you"]["name"]) == (room, name)


def test_ids_are_ascending_and_have_the_time_of_sending(person):
    ann = person("Ann")
    before = time.time_ns() // 1_000_000
    for number in range(20):
        ann.send(number)
        ann.next("message")
    messages = ann.history(limit=100)["messages"]
    assert [message["message"] for message in messages] == list(range(20))
    times = [uuid.UUID(message["id"]).int >> 80 for message in messages]
    assert before <= times[0] <= times[-1] <= time.time_ns() // 1_000_000


def test_history_pages_are_exact_in_both_directions(person):
    ann = person("Ann")
    ids = []
    for number in range(7):
        ann.send(number)
        ids.append(ann.next("message")["id"])

    def page(**fields):
        answer = ann.history(**fields)
        return [message["message"] for message in answer["messages"]], answer["more"]

    assert page(limit=3) == ([4, 5, 6], True)
    assert page(limit=7) == (list(range(7)), False)
    assert page(before=ids[3], limit=2) == ([1, 2], True)
    assert page(before=ids[2], limit=2) == ([0, 1], False)
    assert page(after=ids[3], limit=2) == ([4, 5], True)
    assert page(after=ids[4], limit=2) == ([5, 6], False)
    assert page(after=ids[6]) == ([], False)
    assert page(before=ids[0]) == ([], False)


def test_a_person_with_two_connections_joins_once_and_leaves_with_the_last(person):
    ann = person("Ann", "a")
    first = person("Bob", "b")
    assert ann.next("presence")["event"] == "join"
    second = person("Robert", "b")
    assert second.you["id"] == first.you["id"]
    who = ann.who()
    assert (who["count"], who["users"]) == (2, [ann.you, first.you])
    first.connection.close()
    eventually(lambda: ann.who()["users"], [ann.you, second.you])
    assert ann.quiet() == []
    second.connection.close()
    assert ann.next("presence") == {"type": "presence", "event": "leave", "user": second.you, "count": 1}
