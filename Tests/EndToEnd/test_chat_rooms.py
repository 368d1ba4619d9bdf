"""Rooms, people and history in the tables: the packaged zip behind the local API Gateway."""

import json
import time

import pytest
from chat_client import ChatClient
from chat_support import delete_row, old_row, put_row, row_of, unique

pytestmark = pytest.mark.builds("default", "lean")


@pytest.fixture
def room():
    return unique()


@pytest.fixture
def join(stack, room):
    """A function that connects a person, who enters."""
    clients = []

    def join(room=room, **options):
        client = ChatClient(stack.websocket_url, room, **options)
        clients.append(client)
        client.enter()
        return client

    yield join
    for client in clients:
        client.connection.close()


def send(client, message, **options):
    """Sends a message and returns its frame."""
    client.send(message, **options)
    return client.next("message")


def test_kept_messages_have_an_expiry_and_expired_ones_are_not_read(stack, join, room):
    ann = join()
    sent = send(ann, 1)
    send(ann, "typing", ephemeral=True)
    dynamodb = stack.client("dynamodb")
    [item] = [each for each in stack.items(stack.messages_table_name) if each["room"]["S"] == room]
    assert item.keys() == {"room", "id", "frame", "expiresAt"}
    assert json.loads(item["frame"]["S"]) == sent
    milliseconds = int(sent["id"].replace("-", "")[:12], 16)
    assert int(item["expiresAt"]["N"]) == milliseconds // 1000 + 7 * 86_400
    # As if DynamoDB had not deleted it yet.
    digits = f"{int(time.time() - 8 * 86_400) * 1000:012x}"
    old = {"S": f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"}
    dynamodb.put_item(TableName=stack.messages_table_name, Item={**item, "id": old})
    assert ann.history()["messages"] == [sent]
    assert ann.history(before=sent["id"])["messages"] == []


def test_a_leave_is_announced_when_a_message_finds_the_connection_gone(stack, join, room):
    for text in ('{"action":"send","message":1}', '{"text":"of no action"}'):
        ann = join()
        ghost = unique("c")
        put_row(stack, old_row(ghost, room, "A" * 22))
        count = ann.who()["count"]
        ann.send_text(text)
        leave = ann.next("presence", where=lambda frame: frame["event"] == "leave")
        assert leave["user"] == {"id": "A" * 22, "name": "Ghost"}
        assert leave["count"] == count - 1
        assert ghost not in stack.rows()


def test_who_asks_without_entering_and_is_not_announced(stack, join, room):
    ann = join(name="Ann")
    with ChatClient(stack.websocket_url, room) as guest:
        assert guest.who() == {"type": "who", "users": [ann.you], "count": 1}
    assert ann.quiet() == []


def test_a_seed_client_hears_the_lobby_and_only_the_lobby(stack, room):
    raw = '{"message":"from the seed"}'
    with (
        stack.connect() as seed,
        ChatClient(stack.websocket_url) as lobby,
        ChatClient(stack.websocket_url, room) as elsewhere,
    ):
        elsewhere.send_text('{"message":"elsewhere"}')
        assert elsewhere.receive() == '{"message":"elsewhere"}'
        sent = send(lobby, "hi")
        assert json.loads(seed.recv(timeout=20)) == sent
        seed.send(raw)
        # The local AWS sends the function's response too.
        assert sorted(seed.recv(timeout=20) for _ in range(2)) == ["Message sent.", raw]
        assert lobby.receive() == raw
        assert elsewhere.quiet() == []
        with pytest.raises(TimeoutError):
            seed.recv(timeout=0.5)


def test_the_key_is_stored_nowhere(stack, join):
    name = unique()
    ann = join(name=name, key="a-secret-key-of-the-test")
    send(ann, 1)
    tables = [stack.table_name, stack.messages_table_name]
    stored = json.dumps([stack.items(table) for table in tables])
    assert "a-secret-key-of-the-test" not in stored
    assert row_of(stack, name)["userId"] == {"S": ann.you["id"]}


def test_a_heartbeat_is_answered(join):
    ann = join()
    ann.request("heartbeat")
    assert ann.next("heartbeat") == {"type": "heartbeat"}


def test_enter_restores_a_row_that_is_missing(stack, join):
    name = unique()
    ann = join(name=name)
    connection = row_of(stack, name)["connectionId"]["S"]
    delete_row(stack, connection)
    # Room and name are lost with the row.
    assert ann.enter()["room"] == "lobby"
    assert stack.rows()[connection]["room"] == {"S": "lobby"}
    assert send(ann, 1)["room"] == "lobby"
