"""Least privilege: each function works with its role, and fails without any one action of it."""

import contextlib
import json
import time

import pytest
from chat_client import ChatClient
from chat_support import delete_row, delete_rows, old_row, put_expired_rows, put_row, row_of, unique
from conftest import LIMITS
from page_support import eventually
from stack_faults import actions_of, policies_of, without
from websockets.exceptions import ConnectionClosed

# The id of a person who is in the room by a row only.
USER = "A" * 22
FUNCTIONS = ["connect", "disconnect", "message", "enter", "send", "history", "who", "moderate", "publish", "deliver"]
# The local AWS needs no permission for a function's log and for its dead-letter queue.
UNENFORCED = ("logs:", "sqs:")


def permissions():
    """Yields function, policy, index of the statement, and action."""
    for function in FUNCTIONS:
        for policy, document in policies_of(function).items():
            for index, statement in enumerate(document["Statement"]):
                for action in actions_of(statement):
                    if not action.startswith(UNENFORCED):
                        yield function, policy, index, action


class Room:
    """A room with an observer, rows written by the test, and direct invocations of the functions."""

    def __init__(self, stack, exit_stack):
        self.stack = stack
        self.exit_stack = exit_stack
        self.name = unique("room")
        self.observer, self.observer_connection = self.client()
        self.observer.enter()

    def client(self, key=None):
        """Returns a client that has not entered, and its connection's id."""
        name = unique("n")
        client = self.exit_stack.enter_context(ChatClient(self.stack.websocket_url, self.name, name, key))
        return client, row_of(self.stack, name)["connectionId"]["S"]

    def ghost(self, user):
        """Writes the row of a connection that is not open, and returns its id."""
        connection = unique("c")
        put_row(self.stack, old_row(connection, self.name, user))
        return connection

    def invoke(self, function, connection, body=None, query=None):
        """Invokes a function as API Gateway does, and returns the status."""
        *_, api, stage = self.stack.websocket_url.split("/")
        kind = {"connect": "CONNECT", "disconnect": "DISCONNECT"}.get(function, "MESSAGE")
        context = {"connectionId": connection, "eventType": kind, "routeKey": function, "apiId": api, "stage": stage}
        event = {"requestContext": context, "body": body and json.dumps(body), "isBase64Encoded": False}
        event["queryStringParameters"] = query
        response = self.stack.client("lambda").invoke(
            FunctionName=self.stack.resource(f"{function.capitalize()}Function"), Payload=json.dumps(event)
        )
        result = json.load(response["Payload"])
        assert "FunctionError" not in response, result
        return result["statusCode"]

    def command(self, function, event):
        """Invokes a function with an event of its own, and returns the result."""
        response = self.stack.client("lambda").invoke(
            FunctionName=self.stack.resource(f"{function.capitalize()}Function"), Payload=json.dumps(event)
        )
        result = json.load(response["Payload"])
        assert "FunctionError" not in response, result
        return result

    def make_large(self):
        """Adds expired rows, so that `deliver` serves the room."""
        self.exit_stack.callback(delete_rows, self.stack, put_expired_rows(self.stack, self.name, LIMITS["DirectLimit"]))

    def has(self, connection):
        return connection in self.stack.rows()


def connect(room):
    connection = unique("c")
    # With a key: otherwise there are no bans and other connections to read.
    assert room.invoke("connect", connection, query={"key": unique("key")}) == 200
    assert room.has(connection)


def flood(room, function, body):
    """A client that continues far above the limit is disconnected."""
    client, connection = room.client()
    room.stack.client("dynamodb").update_item(
        TableName=room.stack.table_name,
        Key={"connectionId": {"S": connection}},
        UpdateExpression="SET paidAt = :later, floodPaidAt = :later",
        ExpressionAttributeValues={":later": {"N": str(4 * 10**15)}},
    )
    room.invoke(function, connection, body)
    with pytest.raises(ConnectionClosed):
        client.receive()
        client.receive()


def disconnect(room):
    first, second = room.ghost(USER), room.ghost(USER)
    assert room.invoke("disconnect", first) == 200
    assert not room.has(first)
    assert room.invoke("disconnect", second) == 200
    assert room.observer.next("presence")["user"]["id"] == USER


def find_gone(room, send):
    """A message finds two connections gone: the only one of a person, and one of a person who has another."""
    client, socket = room.client(key="k")
    client.enter()
    assert room.observer.next("presence")["event"] == "join"
    gone, other = room.ghost(USER), room.ghost(room.stack.rows()[socket]["userId"]["S"])
    room.stack.output()
    send()
    eventually(lambda: room.has(gone) or room.has(other), False, 5)
    assert room.observer.next("presence")["event"] == "leave"
    left = room.observer.quiet()
    assert [text for text in left if '"presence"' in text] == []
    room.observer.frames = left
    # Logs arrive a second late.
    time.sleep(1.5)
    assert "A leave could not be announced." not in room.stack.output()


def deliver_to_many(room, send):
    """A message to a large room reaches the observer by the function `deliver`."""
    room.make_large()
    send()
    return room.observer.receive(5)


def message(room):
    text = {"text": "of no action"}
    send = lambda: room.invoke("message", room.observer_connection, text)
    find_gone(room, lambda: expect_sent(send()))
    flood(room, "message", text)
    room.observer.quiet()
    assert json.loads(deliver_to_many(room, lambda: expect_sent(send()))) == text


def send(room):
    frame = {"action": "send", "message": 1}
    send = lambda: room.invoke("send", room.observer_connection, frame)
    find_gone(room, lambda: expect_sent(send()))
    assert room.observer.next("message")["message"] == 1
    flood(room, "send", frame)
    room.observer.quiet()
    assert json.loads(deliver_to_many(room, lambda: expect_sent(send())))["message"] == 1


def expect_sent(status):
    assert status == 200


def publish(room):
    event = {"room": room.name, "message": 1}
    find_gone(room, lambda: room.command("publish", event))
    assert room.observer.next("message")["message"] == 1
    assert room.observer.history()["messages"][0]["message"] == 1
    room.observer.quiet()
    assert deliver_to_many(room, lambda: room.command("publish", event))


def deliver(room):
    room.make_large()
    find_gone(room, lambda: room.command("publish", {"room": room.name, "message": 1}))
    assert room.observer.next("message", 5)["message"] == 1
    # Nothing is left of it.
    eventually(lambda: [row for row in delivery_rows(room)], [], 5)


def delivery_rows(room):
    """Returns the rows of deliveries to the room."""
    items = room.stack.items(room.stack.messages_table_name)
    leases = [item for item in items if item["room"] == {"S": "delivery:"} and item["id"] == {"S": room.name}]
    rounds = [item for item in items if item["room"]["S"].startswith("round:") and room.name in item.get("frame", {}).get("S", "")]
    return leases + rounds + [item for item in items if item["room"] == {"S": f"queue:{room.name}"}]


def enter(room):
    (_, socket), (_, newcomer) = room.client(key="k"), room.client()
    # The second socket of a person who is in the room, by a row whose connection is gone.
    first = room.ghost(room.stack.rows()[socket]["userId"]["S"])
    assert room.invoke("enter", socket, {"action": "enter"}) == 200
    assert room.observer.quiet() == []
    # The join of another person finds that connection gone.
    assert room.invoke("enter", newcomer, {"action": "enter"}) == 200
    assert [json.loads(text)["event"] for text in room.observer.quiet()] == ["join"]
    assert not room.has(first)


def history(room):
    assert room.invoke("history", room.observer_connection, {"action": "history"}) == 200
    assert room.observer.next("history")["messages"] == []


def who(room):
    assert room.invoke("who", room.observer_connection, {"action": "who"}) == 200
    assert room.observer.next("who")["count"] == 1


def command(place, name, **fields):
    return place.command("moderate", {"command": name, **fields, **({} if name in ("list", "audit") else {"by": "test"})})


def moderate(room):
    """Each command; a ban closes a connection, and a large room hears of a deletion by the function `deliver`."""
    client, _ = room.client(key="k")
    client.enter()
    assert len(command(room, "list", room=room.name)["connections"]) == 2
    client.send("bad")
    id = client.next("message")["id"]
    assert command(room, "delete", room=room.name, id=id)["deleted"]
    assert command(room, "ban", user=client.you["id"], room=room.name, seconds=60)["disconnected"] == 1
    assert command(room, "unban", user=client.you["id"], room=room.name) == {}
    assert command(room, "audit")["entries"][0]["command"] == "unban"
    room.observer.quiet()
    delete = lambda: command(room, "delete", room=room.name, id=id)
    assert json.loads(deliver_to_many(room, lambda: expect_handed_over(delete()))) == {"type": "deleted", "id": id}


def expect_handed_over(result):
    assert result == {"deleted": False, "handedOver": True}


SCENARIOS = {
    each.__name__: each
    for each in (connect, disconnect, message, enter, send, history, who, moderate, publish, deliver)
}


@pytest.fixture
def room(stack):
    with contextlib.ExitStack() as exit_stack:
        room = Room(stack, exit_stack)
        yield room
        for connection in stack.rows():
            if connection.startswith("c-"):
                delete_row(stack, connection)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_works_with_its_role(room, function):
    SCENARIOS[function](room)


@pytest.mark.parametrize(("function", "policy", "index", "action"), list(permissions()))
def test_function_fails_without_any_one_action(stack, room, function, policy, index, action):
    with without(stack, function, action, policy, index), pytest.raises((AssertionError, TimeoutError)):
        SCENARIOS[function](room)


def test_roles_name_actions_and_resources_one_by_one():
    for function in FUNCTIONS:
        for document in policies_of(function).values():
            for statement in document["Statement"]:
                assert all("*" not in action for action in actions_of(statement))
                assert statement["Resource"] != "*"
