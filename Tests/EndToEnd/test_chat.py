"""The chat through WebSocket clients: the packaged zip behind the local API Gateway, with IAM policies enforced."""

import contextlib
import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from conftest import ROOT

EVENTS = ROOT / "Tests/Events"
HI = '{"message":"hi"}'
NOT_JSON = "The message has to be JSON."
# API Gateway's maximum connection duration, in seconds.
LONGEST_CONNECTION = 2 * 60 * 60

pytestmark = pytest.mark.builds("default", "lean")


def frames(socket, count, quiet=0.5):
    """Returns the next `count` frames, sorted, and one more if it arrives within `quiet` seconds."""
    received = sorted(socket.recv(timeout=10) for _ in range(count))
    with contextlib.suppress(TimeoutError):
        received.append(socket.recv(timeout=quiet))
    return received


def after_sending(socket, body, answer="Message sent."):
    """Sends a message and returns the frames that its sender receives, except the function's response.

    The local AWS always sends the response to the client; AWS does so only if a route response is configured.
    """
    socket.send(body)
    received = frames(socket, 2 if answer == "Message sent." else 1)
    assert answer in received
    received.remove(answer)
    return received


def eventually(read, expected, seconds=10):
    deadline = time.monotonic() + seconds
    while (value := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert value == expected


def event(handler):
    return json.loads((EVENTS / f"{handler}.json").read_text())


def invoke_function(stack, function, event):
    response = stack.client("lambda").invoke(FunctionName=stack.resource(function), Payload=json.dumps(event))
    return json.load(response["Payload"])


@pytest.fixture(autouse=True)
def empty_table(stack):
    """Empties the table before each test, and waits until it is empty after it."""
    # Tests of other files that kill functions leave rows.
    for connection in stack.rows():
        stack.client("dynamodb").delete_item(TableName=stack.table_name, Key={"connectionId": {"S": connection}})
    yield
    eventually(stack.rows, {})


def test_message_reaches_every_connection_unchanged(stack):
    with stack.connect() as alice, stack.connect() as bob:
        assert after_sending(alice, HI) == [HI]
        assert frames(bob, 1) == [HI]


ANY_JSON = {
    "white space, order, numbers, escapes": '  {"b":1, "a": 1.0e0,\n"a":"é\\u00e9🎉"} ',
    "string": '"text"',
    "array": "[1,2]",
    "null": "null",
    "number": "1E400",
    "100 KB": '{"message":"' + "x" * 100_000 + '"}',
}


@pytest.mark.parametrize("body", ANY_JSON.values(), ids=ANY_JSON)
def test_any_json_is_delivered_unchanged(stack, body):
    with stack.connect() as alice, stack.connect() as bob:
        assert after_sending(alice, body) == [body]
        assert frames(bob, 1) == [body]


def test_row_exists_while_its_connection_is_open(stack):
    with stack.connect(), stack.connect():
        rows = stack.rows()
        assert len(rows) == 2
        now = datetime.now(timezone.utc)
        for row in rows.values():
            assert row.keys() == {"connectionId", "timestamp", "expiresAt", "room", "roomKey", "userId"}
            assert row["room"] == {"S": "lobby"}
            assert re.fullmatch("[0-9a-f]{4}" + re.escape(row["connectionId"]["S"]), row["roomKey"]["S"])
            # The format of JavaScript's toISOString().
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["timestamp"]["S"])
            assert abs(datetime.fromisoformat(row["timestamp"]["S"]) - now) < timedelta(seconds=10)
            lifetime = int(row["expiresAt"]["N"]) - now.timestamp()
            assert LONGEST_CONNECTION < lifetime < LONGEST_CONNECTION + 60 * 60
    eventually(stack.rows, {})


def test_message_prunes_a_gone_connection_and_reaches_the_others(stack):
    with stack.connect() as alice, stack.connect() as bob:
        with stack.connect():
            gone = max(stack.rows().values(), key=lambda row: row["timestamp"]["S"])
        eventually(lambda: gone["connectionId"]["S"] in stack.rows(), False)
        # Restores the row, as if $disconnect had not been invoked. One hour old: recent rows are not pruned.
        gone["timestamp"]["S"] = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%FT%T.000Z")
        stack.client("dynamodb").put_item(TableName=stack.table_name, Item=gone)
        assert len(stack.rows()) == 3

        assert after_sending(alice, HI) == [HI]
        assert frames(bob, 1) == [HI]
        eventually(lambda: gone["connectionId"]["S"] in stack.rows(), False)
        assert len(stack.rows()) == 2


def test_connections_opened_during_broadcasts_keep_their_rows(stack):
    # API Gateway opens a connection after $connect returns. Until then its row exists, and posts are answered with 410.
    with stack.connect() as alice, contextlib.ExitStack() as opened, ThreadPoolExecutor() as pool:
        opening = [pool.submit(stack.connect) for _ in range(20)]
        while not all(each.done() for each in opening):
            alice.send(HI)
            assert sorted(alice.recv(timeout=10) for _ in range(2)) == ["Message sent.", HI]
        for each in opening:
            opened.enter_context(each.result())
        assert len(stack.rows()) == 21


@pytest.mark.parametrize("body", ["hi", "{", '{"message":"hi"} x', '{"message":NaN}'])
def test_message_that_is_not_json_is_rejected_and_not_delivered(stack, body):
    with stack.connect() as alice, stack.connect() as bob:
        assert after_sending(alice, body, answer=NOT_JSON) == []
        assert frames(bob, 0) == []
    response = invoke_function(stack, "MessageFunction", {**event("message"), "body": body})
    assert response == {"statusCode": 400, "body": NOT_JSON}


def invoke(stack, handler, file):
    """Runs an event with scripts/invoke, a debug build outside Lambda, and returns the response."""
    command = [ROOT / "scripts/invoke", handler, file]
    environment = {**os.environ, **stack.environment}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.builds("default")
def test_scripts_invoke_handles_all_events(stack):
    connection = "L0SM9cOFvHcCIhw="
    assert invoke(stack, "connect", EVENTS / "connect.json") == {"statusCode": 200, "body": "Connected."}
    assert stack.rows().keys() == {connection}
    assert invoke(stack, "disconnect", EVENTS / "disconnect.json") == {"statusCode": 200, "body": "Disconnected."}
    assert stack.rows() == {}
    with stack.connect() as alice:
        assert invoke(stack, "message", EVENTS / "message.json") == {"statusCode": 200, "body": "Message sent."}
        assert frames(alice, 1) == [HI]
        assert invoke(stack, "connect", EVENTS / "connect-with-parameters.json") == {"statusCode": 200, "body": "Connected."}
        assert stack.rows()[connection]["name"] == {"S": "Ann"}
        assert invoke(stack, "send", EVENTS / "send.json") == {"statusCode": 200}
        [sent] = frames(alice, 1)
        assert json.loads(sent)["from"]["name"] == "Ann"
        for action in ("enter", "history", "who"):
            # The connection of the event does not exist, so nothing is answered.
            assert invoke(stack, action, EVENTS / f"{action}.json") == {"statusCode": 200}
    stack.client("dynamodb").delete_item(TableName=stack.table_name, Key={"connectionId": {"S": connection}})
