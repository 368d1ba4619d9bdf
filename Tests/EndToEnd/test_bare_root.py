"""The zip's bootstrap in a root with only what Lambda provides: no library, locale, user entry or home directory."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest
from bare_root import EXPIRED, REFUSED, SERVICES, UNTRUSTED, USER, BareRoot, Certificates, NameServer
from conftest import ROOT
from servers import Server

CONNECT, MESSAGE, DISCONNECT = (
    json.loads((ROOT / f"Tests/Events/{name}.json").read_text()) for name in ("connect", "message", "disconnect")
)
CONNECTION = CONNECT["requestContext"]["connectionId"]
MANAGEMENT = CONNECT["requestContext"]["domainName"]
DYNAMODB = "dynamodb.us-east-1.amazonaws.com"
FAILED = ("response", {"statusCode": 500, "body": "Failed."})
# The logged reason for each unusable host.
FAILURES = {
    "unknown.test": r"name not resolved",
    "refused.test": r"cannot connect",
    "untrusted.test": r"TLS failure .*certificate",
    "expired.test": r"TLS failure .*expired",
}
# Patterns that show that an executable contains a library: Swift's mangled module names, and ICU's versioned symbols.
LIBRARIES = {
    "Foundation": rb"10Foundation",
    "FoundationEssentials": rb"20FoundationEssentials",
    "FoundationNetworking": rb"20FoundationNetworking",
    "FoundationInternationalization": rb"FoundationInternationalization",
    "_StringProcessing": rb"17_StringProcessing",
    "ICU": rb"icudt\d",
}

pytestmark = pytest.mark.builds("default", "lean")


def answer(status, body):
    return ("response", {"statusCode": status, "body": body})


class Services:
    """The operations of DynamoDB and @connections that a chat with one connection uses."""

    def __init__(self):
        self.rows = {}
        self.posts = []

    def answer(self, method, path, headers, body):
        if path.startswith("/dev/"):
            self.posts.append((urllib.parse.unquote(path.rpartition("/")[2]), body))
            return 200, {}, b""
        request = json.loads(body)
        operation = headers["X-Amz-Target"].partition(".")[2]
        key = request.get("Key", {}).get("connectionId", {}).get("S")
        result = {}
        if operation == "PutItem":
            self.rows[request["Item"]["connectionId"]["S"]] = request["Item"]
        elif operation == "GetItem" and key in self.rows:
            result = {"Item": self.rows[key]}
        elif operation == "DeleteItem" and key in self.rows:
            result = {"Attributes": self.rows.pop(key)}
        elif operation == "Query":
            result = {"Items": list(self.rows.values()), "Count": len(self.rows)}
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(result).encode()


def reason_to_skip():
    """Returns the reason why this machine cannot run a bare root; a false value if it can."""
    if os.geteuid() != 0:
        return "root is required for chroot and for ports 53 and 443"
    missing = [tool for tool in ("unshare", "chroot", "openssl") if not shutil.which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    mount = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    return mount.returncode and f"mount failed: {mount.stderr.strip()}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    if reason := reason_to_skip():
        pytest.skip(reason)
    return Certificates(tmp_path_factory.mktemp("certificates") / "trusted")


@pytest.fixture(scope="module")
def root(certificates, code, tmp_path_factory):
    return BareRoot(tmp_path_factory.mktemp("bare"), code, certificates.bundle)


@pytest.fixture
def services(certificates):
    """Name server, AWS services and failing hosts, all on loopback addresses."""
    names = {
        DYNAMODB: SERVICES,
        MANAGEMENT: SERVICES,
        "untrusted.test": UNTRUSTED,
        "expired.test": EXPIRED,
        "refused.test": REFUSED,
    }
    stranger = certificates.folder.parent / "stranger"
    untrusted = stranger / "untrusted.test.pem"
    if not stranger.exists():
        Certificates(stranger).issue("untrusted.test")
    expired = certificates.issue("expired.test", end="20200102000000Z")
    services = Services()
    with (
        NameServer(names) as name_server,
        Server((SERVICES, 443), services.answer, certificates.issue(DYNAMODB, MANAGEMENT)),
        Server((UNTRUSTED, 443), services.answer, untrusted),
        Server((EXPIRED, 443), services.answer, expired),
    ):
        services.asked = name_server.asked
        yield services


def chat(sandbox, services):
    assert sandbox.invoke(CONNECT) == answer(200, "Connected.")
    assert list(services.rows) == [CONNECTION]
    assert sandbox.invoke(MESSAGE) == answer(200, "Message sent.")
    assert services.posts == [(CONNECTION, MESSAGE["body"].encode())]
    assert sandbox.invoke(DISCONNECT) == answer(200, "Disconnected.")
    assert services.rows == {}


def test_bootstrap_serves_the_chat_over_tls_as_an_unprivileged_user(root, services, build):
    with root.start() as sandbox:
        chat(sandbox, services)
        assert os.stat(f"/proc/{sandbox.process.pid}").st_uid == USER
        assert os.readlink(f"/proc/{sandbox.process.pid}/exe").endswith("/bootstrap")
        # After plain HTTP to the Runtime API and TLS to AWS, the lean build still has one thread.
        assert (len(os.listdir(f"/proc/{sandbox.process.pid}/task")) == 1) == (build == "lean")
        assert sandbox.errors() == []
    assert set(services.asked) == {DYNAMODB, MANAGEMENT}


@pytest.mark.parametrize("host", FAILURES)
def test_unusable_dynamodb_endpoint_is_logged_and_answered_with_500(root, services, host):
    with root.start({"AWS_ENDPOINT_URL_DYNAMODB": f"https://{host}"}) as sandbox:
        for event in (CONNECT, DISCONNECT, MESSAGE):
            assert sandbox.invoke(event) == FAILED
        errors = sandbox.errors()
    assert len(errors) == 3
    for error in errors:
        assert error["errorType"] == "AWSError"
        assert re.search(rf"https://{host}/?: {FAILURES[host]}", error["errorMessage"])


def test_unusable_management_endpoint_is_logged_and_answered_with_500(root, services):
    with root.start() as sandbox:
        assert sandbox.invoke(CONNECT) == answer(200, "Connected.")
        for host in FAILURES:
            event = {**MESSAGE, "requestContext": {**MESSAGE["requestContext"], "domainName": host}}
            assert sandbox.invoke(event) == FAILED
        errors = sandbox.errors()
        assert sandbox.invoke(MESSAGE) == answer(200, "Message sent.")
    assert len(errors) == len(FAILURES)
    for error, (host, reason) in zip(errors, FAILURES.items(), strict=True):
        assert error["errorType"] == "AWSError"
        assert re.search(rf"https://{host}/dev/\S+: {reason}", error["errorMessage"])


def test_bootstrap_opens_and_searches_for_no_library(root, services, build, tmp_path):
    if not shutil.which("strace"):
        pytest.skip("not installed: strace")
    trace = tmp_path / "trace"
    tracer = [shutil.which("strace"), "--follow-forks", "--trace=%file,%process", "--output", trace]
    unknown = {**MESSAGE, "requestContext": {**MESSAGE["requestContext"], "domainName": "unknown.test"}}
    with root.start(tracer=tracer) as sandbox:
        # The Runtime API's address is a number, for which no file of the resolver is read.
        assert sandbox.invoke({**MESSAGE, "body": "no JSON"}) == answer(400, "The message has to be JSON.")
        assert "/etc/resolv.conf" not in trace.read_text()
        # For an unknown name, glibc's resolver would load every module in nsswitch.conf.
        assert sandbox.invoke(CONNECT) == answer(200, "Connected.")
        assert sandbox.invoke(unknown) == FAILED
        chat(sandbox, services)
    _, found, calls = trace.read_text().partition('execve("/var/task/bootstrap"')
    assert found
    assert "/etc/resolv.conf" in calls
    assert not re.findall(r'"[^"]*\.so\b[^"]*"', calls)
    # The lean build starts no thread, not for name resolution or TLS either.
    started = re.findall(r"\b(?:clone|clone3|fork|vfork)\(.*", calls)
    assert (not started) == (build == "lean"), started


def test_only_the_default_build_contains_foundation_and_icu(bootstrap, build):
    content = bootstrap.read_bytes()
    found = {name for name, pattern in LIBRARIES.items() if re.search(pattern, content)}
    assert found == (set(LIBRARIES) if build == "default" else set())
    # Such names are in the lean build too.
    assert b"12WebSocketAPI" in content
