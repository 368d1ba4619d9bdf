"""The chat's protocol through WebSocket clients: the packaged zip behind the local API Gateway."""

import contextlib
import json
import re
import time

import pytest
from chat_support import Client, old_row, row_of, unique
from test_chat import eventually
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.builds("default", "lean")

UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def room():
    return unique()


@pytest.fixture
def join(stack, room):
    """Returns a function that connects and enters."""
    with contextlib.ExitStack() as clients:

        def join(**query):
            client = clients.enter_context(Client(stack, **{"room": room, **query}))
            client.you = client.enter()["you"]
            return client

        yield join


def test_enter_answers_with_the_room_and_announces_the_person(join, room):
    ann = join(name="Ann")
    bob = join(name="Bob")
    entered = bob.enter()
    assert entered == {
        "type": "entered",
        "you": bob.you,
        "room": room,
        "users": [ann.you, bob.you],
        "count": 2,
        "messages": [],
        "more": False,
    }
    assert ann.you["name"] == "Ann"
    assert ann.rest() == [{"type": "presence", "event": "join", "user": bob.you, "count": 2}]
    # Entering again announces nothing.
    assert bob.rest() == []


def test_send_stamps_keeps_and_delivers(join, room):
    ann, bob, elsewhere = join(name="Ann", key="secret"), join(), join(room=unique())
    ann.rest()
    ann.socket.send('{"action":"send","clientId":"1","message":{"b" : 1.0,"a":"é\\u00e9🎉"}}')
    raw = ann.socket.recv(timeout=20)
    assert bob.socket.recv(timeout=20) == raw
    assert raw.endswith(',"message":{"b" : 1.0,"a":"é\\u00e9🎉"}}')
    frame = json.loads(raw)
    assert list(frame) == ["type", "id", "clientId", "room", "from", "at", "message"]
    assert UUID7.fullmatch(frame["id"])
    assert frame["from"] == ann.you
    assert frame["room"] == room
    assert int(frame["id"].replace("-", "")[:12], 16) == round(
        time.mktime(time.strptime(frame["at"][:19], "%Y-%m-%dT%H:%M:%S")) * 1000 - time.timezone * 1000
    ) + int(frame["at"][20:23])
    ann.send("history")
    assert json.loads(ann.socket.recv(timeout=20)) == {"type": "history", "messages": [frame], "more": False}
    assert elsewhere.rest() == []


def test_ephemeral_messages_are_delivered_and_not_kept(join):
    ann, bob = join(), join()
    assert ann.ask("send", message="typing", ephemeral=True)["ephemeral"] is True
    assert bob.next("message")["message"] == "typing"
    assert ann.ask("history")["messages"] == []


def test_history_pages_back_and_forth(join):
    ann = join()
    sent = [ann.ask("send", message=number) for number in range(7)]
    assert ann.ask("history", limit=3) == {"type": "history", "messages": sent[4:], "more": True}
    assert ann.ask("history", before=sent[4]["id"], limit=4) == {"type": "history", "messages": sent[:4], "more": False}
    assert ann.ask("history", after=sent[1]["id"], limit=4) == {"type": "history", "messages": sent[2:6], "more": True}
    assert ann.ask("history", after=sent[6]["id"])["messages"] == []
    assert ann.enter(after=sent[6]["id"])["messages"] == sent
    assert ann.ask("history", after=sent[0]["id"], before=sent[1]["id"])["code"] == "invalid"


def test_kept_messages_have_an_expiry_and_expired_ones_are_not_read(stack, join, room):
    ann = join()
    sent = ann.ask("send", message=1)
    dynamodb = stack.client("dynamodb")
    [item] = [
        item
        for item in dynamodb.scan(TableName=stack.messages_table_name)["Items"]
        if item["room"]["S"] == room
    ]
    assert item.keys() == {"room", "id", "frame", "expiresAt"}
    assert json.loads(item["frame"]["S"]) == sent
    assert int(item["expiresAt"]["N"]) == int(sent["id"].replace("-", "")[:12], 16) // 1000 + 7 * 86_400
    # As if DynamoDB had not deleted it yet.
    eight_days_ago = f"{int(time.time() - 8 * 86_400) * 1000:012x}"
    old = f"{eight_days_ago[:8]}-{eight_days_ago[8:]}-7000-8000-000000000000"
    dynamodb.put_item(TableName=stack.messages_table_name, Item={**item, "id": {"S": old}})
    assert ann.ask("history")["messages"] == [sent]
    assert ann.ask("history", before=sent["id"])["messages"] == []


def test_who_answers_with_people_only(stack, join, room):
    ann = join(name="Ann")
    with Client(stack, room=room) as guest:
        assert guest.ask("who") == {"type": "who", "users": [ann.you], "count": 1}
    assert ann.rest() == []


def test_a_person_joins_with_the_first_socket_and_leaves_with_the_last(stack, join, room):
    ann = join()
    with Client(stack, room=room, key="k", name="Bob") as first:
        bob = first.enter()["you"]
        with Client(stack, room=room, key="k") as second:
            assert second.enter()["count"] == 2
        assert ann.next("presence") == {"type": "presence", "event": "join", "user": bob, "count": 2}
        assert ann.rest(quiet=1) == []
    assert ann.next("presence") == {"type": "presence", "event": "leave", "user": bob, "count": 1}
    assert ann.rest() == []


def test_a_leave_is_announced_when_a_message_finds_the_connection_gone(stack, join, room):
    ann = join()
    row = old_row(unique("c"), room, "gone")
    stack.client("dynamodb").put_item(TableName=stack.table_name, Item=row)
    assert ann.ask("who")["count"] == 2
    ann.ask("send", message=1)
    assert ann.next("presence") == {
        "type": "presence",
        "event": "leave",
        "user": {"id": "gone", "name": "gone"},
        "count": 1,
    }
    assert row["connectionId"]["S"] not in stack.rows()


REFUSED = {
    "no message": {"action": "send"},
    "clientId": {"action": "send", "message": 1, "clientId": 7},
    "ephemeral": {"action": "send", "message": 1, "ephemeral": "yes"},
    "after": {"action": "enter", "after": "yesterday"},
    "before": {"action": "history", "before": 1},
    "limit": {"action": "history", "limit": 101},
}


@pytest.mark.parametrize("frame", REFUSED.values(), ids=REFUSED)
def test_malformed_frames_are_refused_to_their_sender_alone_and_the_socket_stays_open(join, frame):
    ann, bob = join(), join()
    ann.rest()
    ann.send(**frame)
    error = ann.next("error")
    assert error["code"] == "invalid"
    assert error.keys() == {"type", "code", "message"}
    assert bob.rest() == []
    assert ann.ask("send", message="still here")["message"] == "still here"


def test_a_frame_that_exceeds_the_limit_once_stamped_is_too_large(join):
    ann = join()
    error = ann.ask("send", clientId="7", message="x" * 131_000)
    assert (error["code"], error["clientId"]) == ("too_large", "7")
    assert len(ann.ask("send", message="x" * 129_000)["message"]) == 129_000


MALFORMED = {
    "room": {"room": "a b"},
    "empty room": {"room": ""},
    "long room": {"room": "r" * 65},
    "name": {"name": "a\u202eb"},
    "empty name": {"name": ""},
    "long name": {"name": "n" * 65},
    "key": {"key": "a b"},
    "long key": {"key": "k" * 129},
    "repeated room": {"room": ["a", "b"]},
    "repeated name": {"name": ["a", "a"]},
    "repeated key": {"key": ["a", "a"]},
}


@pytest.mark.parametrize("query", MALFORMED.values(), ids=MALFORMED)
def test_malformed_parameters_open_no_socket(stack, query):
    before = stack.rows()
    with pytest.raises(InvalidStatus):
        stack.connect(query).close()
    assert stack.rows() == before


def test_the_key_is_stored_nowhere(stack, join):
    ann = join(key="a-secret-key-of-the-test", name=unique("n"))
    ann.ask("send", message=1)
    tables = [stack.table_name, stack.messages_table_name]
    stored = json.dumps([stack.client("dynamodb").scan(TableName=table)["Items"] for table in tables])
    assert "a-secret-key-of-the-test" not in stored
    assert row_of(stack, ann)["userId"] == {"S": ann.you["id"]}


def test_seed_client_hears_the_lobby_only(stack):
    with stack.connect() as seed, Client(stack) as lobby, Client(stack, room=unique()) as other:
        other.socket.send('{"message":"elsewhere"}')
        assert other.socket.recv(timeout=20) in ('{"message":"elsewhere"}', "Message sent.")
        sent = lobby.ask("send", message="hi")
        assert json.loads(seed.recv(timeout=20)) == sent
        seed.send('{"message":"from the seed"}')
        assert sorted(seed.recv(timeout=20) for _ in range(2)) == ["Message sent.", '{"message":"from the seed"}']
        assert lobby.socket.recv(timeout=20) == '{"message":"from the seed"}'
        with pytest.raises(TimeoutError):
            seed.recv(timeout=0.5)


def test_heartbeat_is_answered_without_a_function(join):
    ann = join()
    ann.send("heartbeat")
    assert ann.rest() == [{"type": "heartbeat"}]


def test_a_row_that_vanished_is_restored_by_enter(stack, join):
    ann = join(name=unique("n"))
    row = row_of(stack, ann)
    stack.client("dynamodb").delete_item(TableName=stack.table_name, Key={"connectionId": row["connectionId"]})
    assert ann.enter()["room"] == "lobby"
    eventually(lambda: row["connectionId"]["S"] in stack.rows(), True)
