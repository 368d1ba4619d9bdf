"""A broadcast to a large table: the packaged executable, DynamoDB of the local AWS, sockets that only count."""

import base64
import collections
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ROOT

ROWS = 10_000
# Rows to a page. Not a divisor of anything above, so the last page is a short one.
PAGE = 97
EVENT = ROOT / "Tests/Events/message.json"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for head and body.
    wbufsize = -1

    def do_POST(self):
        status, body, headers = self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Sockets(Handler):
    """@connections: counts the posts to each connection, and calls some gone."""

    def answer(self, body):
        connection = urllib.request.unquote(self.path.rpartition("/")[2])
        with self.server.lock:
            self.server.posts[connection] += 1
            self.server.bodies.add(body)
        if connection in self.server.gone:
            return 410, b'{"message":null}', {"x-amzn-ErrorType": "GoneException"}
        return 200, b"", {}


class SmallPages(Handler):
    """DynamoDB with small pages: lowers the limit of each scan, signs it anew, and passes it on."""

    def answer(self, body):
        target = self.headers["X-Amz-Target"]
        request = json.loads(body)
        if target.endswith(".Scan"):
            request["Limit"] = min(request.get("Limit", PAGE), PAGE)
            self.server.scans += 1
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        signed = AWSRequest("POST", self.server.behind, headers, json.dumps(request).encode())
        SigV4Auth(self.server.credentials, "dynamodb", "us-east-1").add_auth(signed)
        forward = urllib.request.Request(signed.url, signed.data, dict(signed.headers), method="POST")
        try:
            with self.server.opener.open(forward, timeout=20) as response:
                status, answer, fields = response.status, response.read(), response.headers
        except urllib.request.HTTPError as error:
            status, answer, fields = error.code, error.read(), error.headers
        # With the checksum, which the client compares.
        return status, answer, {name: fields[name] for name in ("Content-Type", "x-amz-crc32") if name in fields}


@pytest.fixture(scope="module")
def executable(request, shared_stack, tmp_path_factory):
    """What the shared stack runs."""
    code = request.config.getoption("--zip") or ROOT / "dist/bootstrap.zip"
    file = tmp_path_factory.mktemp("bootstrap") / "bootstrap"
    with zipfile.ZipFile(code) as archive:
        file.write_bytes(archive.read("bootstrap"))
    file.chmod(0o755)
    return file


@pytest.fixture
def table(stack):
    """A table like the chat's, of the test's own."""
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


def test_of_ten_thousand_connections_nobody_is_missed_and_nobody_served_twice(stack, executable, table):
    now = int(time.time())
    connections = [base64.b64encode(b"%011d" % number).decode() for number in range(ROWS)]
    gone = set(connections[::10])
    expired = {f"expired{number}=" for number in range(100)}
    write(stack, table, [*(row(i, now + 3600) for i in connections), *(row(i, now - 1) for i in expired)])
    assert len(read(stack, table)) == ROWS + 100

    with Server(("127.0.0.1", 0), Sockets) as sockets, Server(("127.0.0.1", 0), SmallPages) as dynamodb:
        sockets.posts, sockets.bodies, sockets.gone, sockets.lock = collections.Counter(), set(), gone, threading.Lock()
        dynamodb.scans, dynamodb.behind = 0, stack.environment["AWS_ENDPOINT_URL"] + "/"
        dynamodb.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        key = stack.environment["AWS_ACCESS_KEY_ID"], stack.environment["AWS_SECRET_ACCESS_KEY"]
        dynamodb.credentials = Credentials(*key)
        outside = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = {
            **outside,
            **stack.environment,
            "TABLE_NAME": table,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{sockets.url}/prod",
        }
        run = subprocess.run(
            [executable, "message", EVENT], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"statusCode": 200, "body": "Message sent."}, run.stderr
    assert set(sockets.posts) == set(connections)
    assert set(sockets.posts.values()) == {1}
    assert sockets.bodies == {json.loads(EVENT.read_text())["body"].encode()}
    assert dynamodb.scans == -(-(ROWS + 100) // PAGE)
    assert read(stack, table) == set(connections) - gone | expired
