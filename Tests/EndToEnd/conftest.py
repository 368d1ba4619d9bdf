"""Options and shared fixtures: the zip under test, and the chat as scripts/dev runs it."""

import contextlib
import functools
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.parse
import zipfile

import boto3
import pytest

from websockets.sync.client import connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts/lib"))
import stack as infrastructure  # noqa: E402
from builds import BUILDS  # noqa: E402

# The page's fixtures. Imported here so that all test files share one browser.
from fake_chat import fake_chat  # noqa: E402, F401
from fake_issuer import issuer  # noqa: E402, F401
from page_parts import blank_tab, evaluate  # noqa: E402, F401
from page_servers import page_for, page_server, proxy  # noqa: E402, F401
from page_signin import entrance, open_signed_in  # noqa: E402, F401
from page_support import browser, chat, clocked, open_page  # noqa: E402, F401
from terminal import terminal  # noqa: E402, F401

# Tests must not use the developer's AWS account, profiles or settings.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


# Limits that no test exceeds unless it is about them; each is still enforced.
LIMITS = {"MessagesPerSecond": 1000, "MessagesBurst": 1000, "ConnectionsPerUser": 1000, "DirectLimit": 200}
UNLIMITED = [option for name, limit in LIMITS.items() for option in ("--parameter", f"{name}={limit}")]


def pytest_addoption(parser):
    parser.addoption("--zip", type=pathlib.Path, help="zip of the default build; without it, scripts/package builds one")
    parser.addoption("--lean-zip", type=pathlib.Path, help="zip of the lean build; without it, one is built")


def pytest_configure(config):
    config.addinivalue_line("markers", "builds(*names): run with each of these builds (default, lean)")


def pytest_generate_tests(metafunc):
    if "build" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("builds")
        builds, ids = (mark.args, None) if mark else (["default"], [pytest.HIDDEN_PARAM])
        # The session scope groups the tests by build.
        metafunc.parametrize("build", builds, ids=ids, scope="session")


# The files that take longest, in the order of their start: the shorter ones then fill the time of the other processes.
LONGEST = (
    "test_protocol_losses",
    "test_package_path",
    "test_sign_in",
    "test_dev",
    "test_chat_permissions",
    "test_page_limits",
    "test_page_appearance",
    "test_deploy",
    "test_chat",
    "test_page_signin",
    "test_page_connection",
    "test_page_heartbeat",
    "test_package",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (order.get(item.path.stem, len(order)), item.path))


class Stack:
    """A chat started by scripts/dev on free ports."""

    def __init__(self, process, directory, page_url, websocket_url):
        self.process = process
        self.directory = directory
        self.page_url = page_url
        self.websocket_url = websocket_url
        # Variables that point an AWS SDK at the local AWS, with the credentials of the account's root user.
        self.environment = read_exports(directory / "env")
        self.table_name = self.environment["TABLE_NAME"]
        self.messages_table_name = self.environment["MESSAGES_TABLE_NAME"]
        self._output = (directory / "output").open(errors="replace")
        # A new client takes 0.1 s of CPU time.
        self.client = functools.cache(self._client)
        self.resource = functools.cache(self._resource)

    def _client(self, service, endpoint=None):
        """Returns a boto3 client for the local AWS."""
        return boto3.Session(
            self.environment["AWS_ACCESS_KEY_ID"],
            self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
        ).client(service, endpoint_url=endpoint or self.environment["AWS_ENDPOINT_URL"])

    def _resource(self, logical_id):
        """Returns the physical id of a resource in the template."""
        [resource] = self.client("cloudformation").describe_stack_resources(
            StackName=self.environment["STACK_NAME"], LogicalResourceId=logical_id
        )["StackResources"]
        return resource["PhysicalResourceId"]

    def update(self, code, parameters):
        """Changes parameters of the template, as scripts/deploy does."""
        chat = infrastructure.Stack(self.client("cloudformation"), self.environment["STACK_NAME"])
        chat.deploy(infrastructure.chat_template("chat-code", infrastructure.code_key(code)), parameters)

    def connect(self, query=None, **options):
        """Returns a WebSocket client, a context manager. `query` has the parameters of the URL."""
        url = self.websocket_url + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
        return connect(url, proxy=None, **options)

    def rows(self):
        """Returns the table's rows by connection id."""
        return {item["connectionId"]["S"]: item for item in self.items(self.table_name)}

    def items(self, table):
        """Returns all items of a table. One Scan returns at most 1 MB, which the tests of a long run exceed."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def output(self):
        """Returns the output of scripts/dev and the functions since the last call. Logs may arrive a second late."""
        return self._output.read()

    def wait_for_output(self, pattern, seconds=10):
        text = ""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, text):
            assert time.monotonic() < deadline, f"{pattern!r} did not appear within {seconds} s. Output:\n{text}"
            time.sleep(0.1)
            text += self.output()
        return text


def read_exports(file):
    words = (shlex.split(line) for line in file.read_text().splitlines())
    return dict(line[1].split("=", 1) for line in words if line[0] == "export")


@contextlib.contextmanager
def running_stack(directory, *options, root=ROOT, **popen):
    """Runs a clone's scripts/dev, and ends it with SIGINT, as Ctrl-C does."""
    output = directory / "output"
    command = [root / "scripts/dev", "--aws-port", "0", "--page-port", "0", "--directory", directory, *options]
    with output.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, **popen)
    with process:
        try:
            urls = {}
            for line in process.stdout:
                name, _, url = line.strip().partition(": ")
                urls[name] = url
                if len(urls) == 2:
                    break
            assert len(urls) == 2, f"scripts/dev did not start:\n{output.read_text()}"
            yield Stack(process, directory, urls["Page"], urls["WebSocket"])
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope="session")
def code(request, build):
    """The build's zip."""
    if given := request.config.getoption("--zip" if build == "default" else f"--{build}-zip"):
        return given.resolve()
    subprocess.run(BUILDS[build].command, check=True)
    return BUILDS[build].zip


@pytest.fixture(scope="session")
def bootstrap(code, tmp_path_factory):
    """The executable in the build's zip."""
    with zipfile.ZipFile(code) as archive:
        file = pathlib.Path(archive.extract("bootstrap", tmp_path_factory.mktemp("bootstrap")))
    file.chmod(0o755)
    return file


@pytest.fixture(scope="session")
def stack_of(tmp_path_factory):
    """A function that returns a build's stack. It runs until the last test, so that each process starts one of a build."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def stack_of(code):
            return running.enter_context(running_stack(tmp_path_factory.mktemp("dev"), "--zip", code, *UNLIMITED))

        yield stack_of


@pytest.fixture
def stack(stack_of, code):
    """The stack shared by all tests of a build. Prints the functions' logs, which pytest shows if the test fails."""
    stack = stack_of(code)
    stack.output()
    yield stack
    print(stack.output())
