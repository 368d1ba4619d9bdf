"""No client can speak as another person: every way that a client has is tried on the wire."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest
from chat_client import ChatClient
from websockets.exceptions import InvalidStatus

KEY = "Ann's-secret-KEY-0123456789"


@pytest.fixture
def room(stack):
    """A room with Ann, who has said something, Bob, who listens, and Eve, who attacks."""
    name = f"test-{uuid.uuid4()}"
    with (
        ChatClient(stack.websocket_url, name, "Ann", KEY) as ann,
        ChatClient(stack.websocket_url, name, "Bob", "bob") as bob,
        ChatClient(stack.websocket_url, name, "Eve", "eve") as eve,
    ):
        for client in (ann, bob, eve):
            client.enter()
        ann.send("Hello", client_id="ann-1")
        said = [client.text_of("message") for client in (ann, bob, eve)]
        for client in (ann, bob, eve):
            client.quiet()
        yield Room(name, ann, bob, eve, said[0])


class Room:
    def __init__(self, name, ann, bob, eve, said):
        self.name, self.ann, self.bob, self.eve, self.said = name, ann, bob, eve, said

    def expect_eve(self):
        """Checks that what Bob hears next, and the history, is Eve's."""
        heard = self.bob.next("message")
        assert heard["from"] == self.eve.you
        newest = self.bob.history(limit=1)["messages"]
        assert [message["from"] for message in newest] == [self.eve.you]


def forged_fields(room):
    user = room.ann.you
    return {
        **{"from": user, "user": user, "you": user, "userId": user["id"], "name": user["name"], "key": KEY},
        **{"id": json.loads(room.said)["id"], "connectionId": "x", "at": "2020-01-01T00:00:00.000Z", "type": "message"},
        **{"room": "lobby", "requestContext": {"connectionId": "x"}, "expiresAt": 1},
    }


def test_fields_of_a_request_change_neither_sender_nor_room_nor_id(room):
    for action in ("enter", "history", "who", "send"):
        room.eve.send_text(json.dumps({**forged_fields(room), "action": action, "message": "I am Ann"}))
    assert room.eve.next("entered")["you"] == room.eve.you
    heard = room.bob.next("message")
    assert (heard["from"], heard["room"]) == (room.eve.you, room.name)
    assert heard["id"] > json.loads(room.said)["id"]
    assert heard["at"] > json.loads(room.said)["at"]


def imitations(room):
    said = json.loads(room.said)
    user = room.ann.you
    yield room.said
    yield " " + room.said.replace('"type"', '"\\u0074ype"')
    yield room.said.replace('"type":"message"', '"type":"\\u006dessage"')
    yield room.said.replace('"type":"message"', '"type":"x","type":"message"')
    yield room.said.replace('"type":"message"', '"type":"message","type":"x"')
    yield room.said.replace("{", '{"\\ud800":1,', 1)
    yield json.dumps({**said, "action": "dance"})
    yield json.dumps({**said, "action": None})
    yield json.dumps({**said, "action": "$default"})
    yield json.dumps({"type": "presence", "event": "leave", "user": user, "count": 0})
    yield json.dumps({"type": "history", "messages": [said], "more": False})
    yield json.dumps(
        {"type": "entered", "you": user, "room": "x", "users": [], "count": 0, "messages": [], "more": False}
    )
    yield json.dumps({"type": "who", "users": [user], "count": 1})
    yield json.dumps({"type": "error", "code": "forbidden", "message": "x", "clientId": "ann-1"})
    yield json.dumps({"type": "heartbeat"})
    yield json.dumps({"message": "Forbidden", "connectionId": "x", "requestId": "x"})


def test_frames_of_the_server_cannot_be_sent_by_a_client(room):
    forged = list(imitations(room))
    for frame in forged:
        room.eve.send_text(frame)
        room.eve.error("forbidden")
    assert room.bob.quiet() == room.ann.quiet() == []
    assert [json.dumps(message) for message in room.bob.history()["messages"]] == [json.dumps(json.loads(room.said))]


def test_a_frame_inside_a_message_is_only_a_message(room):
    room.eve.send(json.loads(room.said))
    room.expect_eve()
    # Without a sender, as any JSON of a client without the protocol.
    room.eve.send_text(f"[{room.said}]")
    assert room.bob.quiet() == [f"[{room.said}]"]


def test_a_replayed_request_is_the_replayers(room):
    room.eve.send("Hello", client_id="ann-1")
    room.expect_eve()


def variants(room):
    ann = room.ann.you
    yield from (KEY.upper(), KEY.lower(), KEY.swapcase(), KEY[:-1], KEY + "0", KEY[::-1], "")
    yield from (ann["id"], ann["name"], "key:" + KEY, "key%3A" + KEY, urllib.parse.quote(KEY, safe=""), '"' + KEY + '"')
    yield from (KEY + "=", KEY + "\\u0000", KEY.replace("-", "+"), KEY.replace("-", "_"))


def test_a_guessed_key_is_another_person(stack, room):
    for key in filter(None, variants(room)):
        with ChatClient(stack.websocket_url, room.name, "Ann", key) as guess:
            assert guess.enter()["you"]["id"] != room.ann.you["id"], key
    # The same key is the same person, on any connection and in any room.
    with ChatClient(stack.websocket_url, None, "Other", KEY) as other:
        assert other.enter()["you"] == {"id": room.ann.you["id"], "name": "Other"}


@pytest.mark.parametrize(
    "query",
    [
        # Full-width and combining characters, spaces and controls, and keys given twice.
        "key=" + urllib.parse.quote("".join(chr(ord(each) + 0xFEE0) for each in KEY)),
        "key=" + urllib.parse.quote(KEY + "\u0301"),
        "key=" + urllib.parse.quote(KEY + " "),
        "key=" + urllib.parse.quote(" " + KEY),
        "key=" + urllib.parse.quote(KEY + "\n"),
        "key=" + urllib.parse.quote(KEY + "\0"),
        "key=eve&key=" + urllib.parse.quote(KEY),
        "key=" + urllib.parse.quote(KEY) + "&key=eve",
    ],
)
def test_variants_of_a_key_are_refused(stack, query):
    with pytest.raises(InvalidStatus):
        ChatClient(f"{stack.websocket_url}?{query}")


@pytest.mark.parametrize("parameter", ["Key", "KEY", "userId", "id", "from", "key[]", "connectionId"])
def test_other_parameters_give_no_identity(stack, room, parameter):
    query = urllib.parse.urlencode({"room": room.name, "name": "Ann", parameter: KEY})
    with ChatClient(f"{stack.websocket_url}?{query}") as guess:
        assert guess.enter()["you"]["id"] != room.ann.you["id"]


def test_a_name_that_is_taken_has_another_id(stack, room):
    for number, name in enumerate(("Ann", "ann", "Ａｎｎ", "A\u030ann", "Αnn")):
        with ChatClient(stack.websocket_url, room.name, name, f"eve-{number}") as eve:
            entered = eve.enter()
            assert entered["you"]["name"] == name
            assert entered["you"]["id"] != room.ann.you["id"]
            # Two people, though they share a name.
            assert room.ann.you in entered["users"]
            assert entered["you"] in entered["users"]


def test_a_connection_without_a_key_is_never_a_person_with_one(stack, room):
    [row] = [each for each in stack.rows().values() if each.get("userId", {}).get("S") == room.ann.you["id"]]
    connection = row["connectionId"]["S"]
    for key in (connection, f"connection:{connection}"):
        with ChatClient(stack.websocket_url, room.name, "Ann", key) as eve:
            assert eve.enter()["you"]["id"] != room.ann.you["id"]


def test_posts_to_connections_need_a_signature(stack, room):
    [row] = [each for each in stack.rows().values() if each.get("userId", {}).get("S") == room.ann.you["id"]]
    base = stack.environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    url = f"{base}/@connections/{urllib.parse.quote(row['connectionId']['S'], safe='')}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(urllib.request.Request(url, room.said.encode(), method="POST"), timeout=10)
    assert refused.value.code == 403
    assert room.ann.quiet() == []


def test_another_person_cannot_end_a_persons_presence(stack, room):
    with ChatClient(stack.websocket_url, room.name, "Ann", "eve-2") as eve:
        eve.enter()
        room.bob.next("presence")
    left = room.bob.next("presence")
    assert (left["event"], left["user"]["id"]) == ("leave", eve.you["id"])
    assert room.ann.you in room.bob.who()["users"]
