"""The function in AWS's Runtime Interface Emulator, a binary included in the SAM CLI."""

import json
import os
import pathlib
import platform
import socket
import subprocess
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVENTS = ROOT / "Tests/Events"
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
# The options with which scripts/test builds.
DEBUG_BUILDS = {
    "default": ["--scratch-path", ".build-test"],
    "lean": ["--scratch-path", ".build-test-lean", "--traits", "Lean"],
}

pytestmark = pytest.mark.builds("default", "lean")


@pytest.fixture(scope="module")
def emulator():
    [path] = ROOT.glob(f".venv-sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{ARCHITECTURE}")
    return path


@pytest.fixture(scope="module")
def hello(build):
    """Examples/Hello, as scripts/test builds it."""
    options = DEBUG_BUILDS[build]
    command = ["swift", "build", "--product", "Hello", *options, "-Xswiftc", "-warnings-as-errors"]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / options[1] / "debug/Hello"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Function:
    """An executable that runs in the emulator, as a context manager."""

    def __init__(self, emulator, executable, handler, environment, log):
        self.log = log
        self.port = free_port()
        command = [emulator, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", executable, handler]
        environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_TIMEOUT": "20", **environment}
        self.process = subprocess.Popen(command, env=environment, stdout=log.open("wb"), stderr=subprocess.STDOUT)

    def __enter__(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                assert time.monotonic() < deadline, f"the emulator did not start:\n{self.log.read_text()}"
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def invoke(self, event):
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, data=event), timeout=30) as response:
            return response.read()


@pytest.fixture
def chat(emulator, bootstrap, stack, tmp_path):
    names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "TABLE_NAME"]
    environment = {name: stack.environment[name] for name in names}
    name = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
    with Function(emulator, bootstrap, "any", {**environment, name: stack.environment[name]}, tmp_path / "log") as chat:
        yield chat


def test_emulator_invokes_connect_message_and_disconnect(chat, stack):
    connection = json.loads((EVENTS / "connect.json").read_text())["requestContext"]["connectionId"]
    assert json.loads(chat.invoke((EVENTS / "connect.json").read_bytes())) == {"statusCode": 200, "body": "Connected."}
    assert connection in stack.rows()
    # The connection does not exist. It counts as gone, which does not fail the message.
    assert json.loads(chat.invoke((EVENTS / "message.json").read_bytes())) == {
        "statusCode": 200,
        "body": "Message sent.",
    }
    assert json.loads(chat.invoke((EVENTS / "connect.json").read_bytes()))["statusCode"] == 200
    assert json.loads(chat.invoke((EVENTS / "disconnect.json").read_bytes())) == {
        "statusCode": 200,
        "body": "Disconnected.",
    }
    assert connection not in stack.rows()


def test_a_failure_of_the_handler_reaches_the_caller_and_the_function_continues(chat):
    error = json.loads(chat.invoke((EVENTS / "not-a-websocket-event.json").read_bytes()))
    assert error["errorType"] == "InvalidEvent"
    assert "requestContext.connectionId is missing" in error["errorMessage"]
    assert json.loads(chat.invoke((EVENTS / "message-not-json.json").read_bytes()))["statusCode"] == 400


def test_an_oversized_response_is_an_error_and_the_function_continues(emulator, hello, tmp_path):
    with Function(emulator, hello, "hello", {}, tmp_path / "log") as function:
        assert function.invoke(b'{"a": 1}') == b'{"hello":{"a": 1}}'
        assert len(function.invoke(b'"%s"' % (b"a" * 6_000_000))) == 6_000_012
        error = json.loads(function.invoke(b'"%s"' % (b"a" * 6_291_545)))
        assert error["errorType"] == "Function.ResponseSizeTooLarge"
        assert "6291557 bytes" in error["errorMessage"]
        assert function.invoke(b'"still here"') == b'{"hello":"still here"}'
