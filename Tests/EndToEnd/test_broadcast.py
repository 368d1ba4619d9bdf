"""Broadcasts to many connections: the packaged executable, the local DynamoDB and a fake management API."""

import base64
import collections
import hashlib
import json
import os
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ROOT
from servers import Server

# The local AWS evaluates the whole room for each page, which limits the number.
ROWS = 2_000
# Rows per page. Not a divisor of the number of rows, so that the last page is partial.
PAGE = 577
EVENT = ROOT / "Tests/Events/message.json"

pytestmark = pytest.mark.builds("default", "lean")


class ManagementAPI:
    """A fake @connections endpoint: counts the posts per connection and answers 410 for those in `gone`."""

    def __init__(self, gone):
        self.gone = gone
        self.posts = collections.Counter()
        self.bodies = set()
        self._lock = threading.Lock()

    def answer(self, _, path, __, body):
        connection = urllib.request.unquote(path.rpartition("/")[2])
        with self._lock:
            self.posts[connection] += 1
            self.bodies.add(body)
        if connection in self.gone:
            return 410, {"x-amzn-ErrorType": "GoneException"}, b'{"message":null}'
        return 200, {}, b""


class SmallPages:
    """A proxy for DynamoDB that lowers the limit of queries of more than one page, counts the operations, and forwards
    each request, signed again."""

    def __init__(self, environment):
        self.operations = collections.Counter()
        self._target = environment["AWS_ENDPOINT_URL"] + "/"
        self._credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._lock = threading.Lock()

    def answer(self, _, __, headers, body):
        target = headers["X-Amz-Target"]
        request = json.loads(body)
        with self._lock:
            self.operations[target.rpartition(".")[2]] += 1
        if "Limit" in request:
            request["Limit"] = min(request["Limit"], PAGE)
        fields = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        signed = AWSRequest("POST", self._target, fields, json.dumps(request).encode())
        SigV4Auth(self._credentials, "dynamodb", "us-east-1").add_auth(signed)
        forward = urllib.request.Request(signed.url, signed.data, dict(signed.headers), method="POST")
        try:
            with self._opener.open(forward, timeout=20) as response:
                status, answer, fields = response.status, response.read(), response.headers
        except urllib.request.HTTPError as error:
            status, answer, fields = error.code, error.read(), error.headers
        # The client verifies the checksum.
        return status, {name: fields[name] for name in ("Content-Type", "x-amz-crc32") if name in fields}, answer


@pytest.fixture
def table(stack):
    """A separate table with the keys of the chat's table and its index `room`."""
    dynamodb = stack.client("dynamodb")
    indexes = dynamodb.describe_table(TableName=stack.table_name)["Table"]["GlobalSecondaryIndexes"]
    index = next(index for index in indexes if index["IndexName"] == "room")
    dynamodb.create_table(
        TableName="many",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("connectionId", "room", "roomKey")
        ],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[{name: index[name] for name in ("IndexName", "KeySchema", "Projection")}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield "many"
    dynamodb.delete_table(TableName="many")


def write(stack, table, rows):
    """Writes rows, 25 at a time."""
    dynamodb = stack.client("dynamodb")

    def batch(start):
        requests = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        assert not dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(batch, range(0, len(rows), 25)))


def read(stack, table):
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return {row["connectionId"]["S"] for page in pages for row in page["Items"]}


def row(connection, expires, room="lobby"):
    return {
        "connectionId": {"S": connection},
        "timestamp": {"S": "2026-01-01T00:00:00.000Z"},
        "expiresAt": {"N": str(expires)},
        "room": {"S": room},
        "roomKey": {"S": hashlib.sha256(connection.encode()).hexdigest()[:4] + connection},
    }


class Chat:
    """The executable with a table of its own, and everything it calls."""

    def __init__(self, stack, bootstrap, table, gone=()):
        self.connections = ManagementAPI(gone)
        self.dynamodb = SmallPages(stack.environment)
        self._command = [bootstrap]
        self._variables = {**stack.environment, "TABLE_NAME": table}

    def run(self, handler, event):
        """Handles one event, and returns the response."""
        local = ("127.0.0.1", 0)
        with Server(local, self.connections.answer) as management, Server(local, self.dynamodb.answer) as table_server:
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **self._variables,
                "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table_server.server_port}",
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"http://127.0.0.1:{management.server_port}/prod",
            }
            run = subprocess.run(
                [*self._command, handler, "-"],
                env=environment,
                input=json.dumps(event),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        assert run.returncode == 0, run.stderr
        response = json.loads(run.stdout)
        assert response["statusCode"] == 200, run.stderr
        return response


def test_broadcast_posts_once_to_each_of_2000_connections(stack, bootstrap, table):
    event = json.loads(EVENT.read_text())
    sender = event["requestContext"]["connectionId"]
    now = int(time.time())
    connections = [base64.b64encode(b"%011d" % number).decode() for number in range(ROWS - 1)] + [sender]
    gone = set(connections[:-1:10])
    expired = {f"expired{number}=" for number in range(100)}
    write(stack, table, [*(row(i, now + 3600) for i in connections), *(row(i, now - 1) for i in expired)])
    assert len(read(stack, table)) == ROWS + 100

    chat = Chat(stack, bootstrap, table, gone)
    assert chat.run("message", event) == {"statusCode": 200, "body": "Message sent."}
    assert set(chat.connections.posts) == set(connections)
    assert set(chat.connections.posts.values()) == {1}
    assert chat.connections.bodies == {event["body"].encode()}
    assert chat.dynamodb.operations == {"GetItem": 1, "Query": -(-(ROWS + 100) // PAGE), "DeleteItem": len(gone)}
    assert read(stack, table) == set(connections) - gone | expired


def test_a_message_costs_as_many_requests_as_its_room_has_connections(stack, bootstrap, table):
    expires = int(time.time()) + 3600
    rooms = {f"small{number}": [f"small{number}-{each}=" for each in range(5)] for number in range(200)}
    rooms["large"] = [f"large-{number}=" for number in range(2000)]
    write(stack, table, [row(each, expires, room) for room, connections in rooms.items() for each in connections])

    event = json.loads((ROOT / "Tests/Events/send.json").read_text())
    for room, pages in [("small0", 1), ("small107", 1), ("large", -(-2000 // PAGE))]:
        connections = rooms[room]
        event["requestContext"]["connectionId"] = connections[-1]
        chat = Chat(stack, bootstrap, table)
        chat.run("send", event)
        assert chat.connections.posts == dict.fromkeys(connections, 1)
        assert chat.dynamodb.operations == {"GetItem": 1, "PutItem": 1, "Query": pages}
        [frame] = chat.connections.bodies
        assert json.loads(frame)["room"] == room

        chat = Chat(stack, bootstrap, table)
        chat.run("message", event)
        assert chat.connections.posts == dict.fromkeys(connections, 1)
        assert chat.dynamodb.operations == {"GetItem": 1, "Query": pages}
