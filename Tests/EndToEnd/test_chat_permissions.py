"""Least privilege: each function works with its role, and fails without any one action of it."""

import contextlib
import json
import time

import pytest
from chat_client import ChatClient
from chat_support import delete_row, old_row, put_row, row_of, unique
from conftest import ROOT
from samtranslator.yaml_helper import yaml_parse
from websockets.exceptions import ConnectionClosed

TEMPLATE = yaml_parse((ROOT / "infra/template.yaml").read_text())["Resources"]
# The id of a person who is in the room by a row only.
USER = "A" * 22
FUNCTIONS = ["connect", "disconnect", "message", "enter", "send", "history", "who", "moderate"]


def actions_of(statement):
    actions = statement["Action"]
    return actions if isinstance(actions, list) else [actions]


def permissions():
    """Yields function, index of the statement, and action, for all but the log: the local AWS needs none for it."""
    for function in FUNCTIONS:
        [policy] = TEMPLATE[f"{function.capitalize()}Role"]["Properties"]["Policies"]
        for index, statement in enumerate(policy["PolicyDocument"]["Statement"]):
            for action in actions_of(statement):
                if not action.startswith("logs:"):
                    yield function, index, action


@contextlib.contextmanager
def without(stack, function, index, action):
    """Removes an action from a statement of a role's policy, and restores the policy at the end."""
    iam = stack.client("iam")
    name = stack.resource(f"{function.capitalize()}Role")
    [policy] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    less = json.loads(json.dumps(document))
    left = [each for each in actions_of(less["Statement"][index]) if each != action]
    assert len(left) == len(actions_of(document["Statement"][index])) - 1
    if left:
        less["Statement"][index]["Action"] = left
    else:
        del less["Statement"][index]
    policy_of_role = {"RoleName": name, "PolicyName": policy}
    iam.put_role_policy(**policy_of_role, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(**policy_of_role, PolicyDocument=json.dumps(document))


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
        return json.load(response["Payload"])["statusCode"]

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


def deliver(room, function, body):
    """A message finds two connections gone: the only one of a person, and one of a person who has another."""
    client, socket = room.client(key="k")
    client.enter()
    assert room.observer.next("presence")["event"] == "join"
    gone, other = room.ghost(USER), room.ghost(room.stack.rows()[socket]["userId"]["S"])
    room.stack.output()
    assert room.invoke(function, room.observer_connection, body) == 200
    assert not room.has(gone) and not room.has(other)
    assert room.observer.next("presence")["event"] == "leave"
    left = room.observer.quiet()
    assert [text for text in left if '"presence"' in text] == []
    room.observer.frames = left
    # Logs arrive a second late.
    time.sleep(1.5)
    assert "A leave could not be announced." not in room.stack.output()


def message(room):
    deliver(room, "message", {"text": "of no action"})
    flood(room, "message", {"text": "of no action"})


def send(room):
    deliver(room, "send", {"action": "send", "message": 1})
    assert room.observer.next("message")["message"] == 1
    flood(room, "send", {"action": "send", "message": 1})


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
    response = place.stack.client("lambda").invoke(
        FunctionName=place.stack.resource("ModerateFunction"),
        Payload=json.dumps({"command": name, **fields, **({} if name in ("list", "audit") else {"by": "test"})}),
    )
    result = json.load(response["Payload"])
    assert "FunctionError" not in response, result
    return result


def moderate(room):
    """Each command; a ban closes a connection."""
    client, _ = room.client(key="k")
    client.enter()
    assert len(command(room, "list", room=room.name)["connections"]) == 2
    client.send("bad")
    id = client.next("message")["id"]
    assert command(room, "delete", room=room.name, id=id)["deleted"]
    assert command(room, "ban", user=client.you["id"], room=room.name, seconds=60)["disconnected"] == 1
    assert command(room, "unban", user=client.you["id"], room=room.name) == {}
    assert command(room, "audit")["entries"][0]["command"] == "unban"


SCENARIOS = {each.__name__: each for each in (connect, disconnect, message, enter, send, history, who, moderate)}


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


@pytest.mark.parametrize(("function", "index", "action"), list(permissions()))
def test_function_fails_without_any_one_action(stack, room, function, index, action):
    with without(stack, function, index, action), pytest.raises((AssertionError, TimeoutError)):
        SCENARIOS[function](room)


def test_roles_name_actions_and_resources_one_by_one():
    for function in FUNCTIONS:
        [policy] = TEMPLATE[f"{function.capitalize()}Role"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]:
            assert all("*" not in action for action in actions_of(statement))
            assert statement["Resource"] != "*"
