"""A broadcast to 10,000 connections: the packaged executable, the local DynamoDB and a fake management API."""

import base64
import collections
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

ROWS = 10_000
# Rows per page. Not a divisor of the number of rows, so that the last page is partial.
PAGE = 97
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
    """A proxy for DynamoDB that lowers each scan's Limit, signs the request again and forwards it."""

    def __init__(self, environment):
        self.scans = 0
        self._target = environment["AWS_ENDPOINT_URL"] + "/"
        self._credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answer(self, _, __, headers, body):
        target = headers["X-Amz-Target"]
        request = json.loads(body)
        if target.endswith(".Scan"):
            request["Limit"] = min(request.get("Limit", PAGE), PAGE)
            self.scans += 1
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
    """A separate table with the key of the chat's table."""
    dynamodb = stack.client("dynamodb")
    dynamodb.create_table(
        TableName="many",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
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


def row(connection, expires):
    timestamp = "2026-01-01T00:00:00.000Z"
    return {"connectionId": {"S": connection}, "timestamp": {"S": timestamp}, "expiresAt": {"N": str(expires)}}


def test_broadcast_posts_once_to_each_of_10000_connections(stack, bootstrap, table):
    now = int(time.time())
    connections = [base64.b64encode(b"%011d" % number).decode() for number in range(ROWS)]
    gone = set(connections[::10])
    expired = {f"expired{number}=" for number in range(100)}
    write(stack, table, [*(row(i, now + 3600) for i in connections), *(row(i, now - 1) for i in expired)])
    assert len(read(stack, table)) == ROWS + 100

    connections_api, dynamodb = ManagementAPI(gone), SmallPages(stack.environment)
    local = ("127.0.0.1", 0)
    with Server(local, connections_api.answer) as management, Server(local, dynamodb.answer) as table_server:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = {
            **outside,
            **stack.environment,
            "TABLE_NAME": table,
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table_server.server_port}",
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"http://127.0.0.1:{management.server_port}/prod",
        }
        run = subprocess.run(
            [bootstrap, "message", EVENT], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"statusCode": 200, "body": "Message sent."}, run.stderr
    assert set(connections_api.posts) == set(connections)
    assert set(connections_api.posts.values()) == {1}
    assert connections_api.bodies == {json.loads(EVENT.read_text())["body"].encode()}
    assert dynamodb.scans == -(-(ROWS + 100) // PAGE)
    assert read(stack, table) == set(connections) - gone | expired
