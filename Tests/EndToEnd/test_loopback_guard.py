"""Requests that a web page of another site can send to the servers of scripts/dev, which must refuse them."""

import contextlib
import http.client
import pathlib
import re
import time
from urllib.parse import urlsplit

import pytest
from loopback_guard import is_loopback, refusal
from servers import Server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:100.0) Gecko/20100101 Firefox/100.0"
# Header fields; {port} is replaced by the server's port.
ACCEPTED = {
    "an SDK": {"User-Agent": "Boto3/1.43"},
    "no User-Agent": {},
    "localhost": {"Host": "localhost:{port}"},
    "capital letters": {"Host": "LocalHost:{port}"},
    "IPv6": {"Host": "[::1]:{port}"},
    "a bucket's name": {"Host": "bucket.s3.localhost:{port}"},
    "the address bar": {"User-Agent": FIREFOX, "Sec-Fetch-Site": "none"},
    "the server's own page": {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin"},
    "a form of its own page": {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:{port}"},
}
REFUSED = {
    "fetch from another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a form of another site": {"Origin": "https://evil.example"},
    "a sandboxed frame or a file": {"Origin": "null"},
    "a browser extension": {"Origin": "chrome-extension://abcdefghijklmnop"},
    "an image or script": {"Sec-Fetch-Site": "cross-site"},
    "another port of this machine": {"Sec-Fetch-Site": "same-site"},
    "fetch from another port": {"Origin": "http://127.0.0.1:1"},
    "the same port of another name": {"Origin": "http://localhost:{port}"},
    "https of the same name": {"Origin": "https://127.0.0.1:{port}"},
    "a name that resolves to 127.0.0.1": {"Host": "evil.example:{port}", "Sec-Fetch-Site": "same-origin"},
    "such a name with its own Origin": {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    "a name that starts like ours": {"Host": "127.0.0.1.evil.example:{port}"},
    "a name that ends like ours": {"Host": "evillocalhost:{port}"},
    "user information": {"Host": "127.0.0.1:{port}@evil.example"},
    "every address": {"Host": "0.0.0.0:{port}"},
    "another port": {"Host": "127.0.0.1:1"},
    "no port": {"Host": "127.0.0.1"},
    "an empty Host": {"Host": ""},
    "Safari 15, which has no Sec-Fetch-Site": {"User-Agent": "Mozilla/5.0 (Macintosh) Version/15.4 Safari/605.1.15"},
}


def status(url, fields, method="GET"):
    """Sends a request and returns the status. A field whose value is a list is repeated."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(method, address.path, skip_host="Host" in fields)
        for name, value in fields.items():
            for each in value if isinstance(value, list) else [value]:
                connection.putheader(name, each.format(port=address.port))
        connection.endheaders()
        return connection.getresponse().status


@pytest.fixture
def urls(stack):
    """A URL of each loopback server: the local AWS, the page, and a function's Runtime API."""
    with stack.connect():
        pass
    return [stack.environment["AWS_ENDPOINT_URL"] + "/_ministack/health", stack.page_url, runtime_api(stack) + "/unknown"]


def runtime_api(stack):
    """Returns the URL of a function's Runtime API, which only the function's environment contains."""
    endpoint = f"\0AWS_ENDPOINT_URL={stack.environment['AWS_ENDPOINT_URL']}\0"
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = "\0" + (process / "environ").read_text()
            if endpoint in environment and (found := re.search("\0AWS_LAMBDA_RUNTIME_API=([^\0]*)", environment)):
                return f"http://{found[1]}"
    raise AssertionError("no function process of the stack was found")


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts_requests_that_are_not_from_another_site(urls, fields):
    assert [status(url, fields) for url in urls] == [200, 200, 404]


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_refuses_requests_from_another_site(urls, fields, method):
    accepted = [400, 403] if "Host" in fields else [403]
    for url in urls:
        assert status(url, fields, method) in accepted


def test_refuses_a_repeated_field_with_one_foreign_value(urls):
    own = "http://127.0.0.1:{port}"
    for url in urls:
        assert status(url, {"Origin": [own, "https://evil.example"]}) == 403
        assert status(url, {"Sec-Fetch-Site": ["none", "cross-site"]}) == 403
        assert status(url, {"Host": ["127.0.0.1:{port}", "evil.example:{port}"]}) in (400, 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_every_origin_may_open_the_chat(stack, origin):
    with connect(stack.websocket_url, origin=origin, proxy=None):
        pass


def test_refuses_a_websocket_to_other_paths_and_host_names(stack):
    endpoint = stack.environment["AWS_ENDPOINT_URL"].replace("http", "ws", 1)
    for url in (endpoint, f"{endpoint}/_aws", f"{stack.websocket_url}/more", f"{endpoint}/mqtt"):
        with pytest.raises(InvalidStatus, match="403"), connect(url, origin="https://evil.example", proxy=None):
            pass
    # Sent by hand, because the WebSocket client takes Host from the URL.
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    with contextlib.closing(connection):
        handshake = {
            "Host": f"evil.example:{address.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        connection.request("GET", urlsplit(stack.websocket_url).path, headers=handshake)
        assert connection.getresponse().status == 403


ATTACK = """
async endpoint => {
  const form = new URLSearchParams({Action: "CreateRole", Version: "2010-05-08", RoleName: "intruder",
    AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}'});
  const scope = "test/20261125/us-east-1/iam/aws4_request";
  const Authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=00`;
  const signed = new URLSearchParams({...Object.fromEntries(form), "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": scope, "X-Amz-Date": "20261125T000000Z", "X-Amz-SignedHeaders": "host", "X-Amz-Signature": "00"});
  const tries = [
    () => fetch(endpoint, {method: "POST", headers: {Authorization}, body: form}).then(answer => answer.status),
    () => fetch(`${endpoint}/?${signed}`, {mode: "no-cors"}).then(answer => answer.type),
    () => fetch(endpoint, {method: "POST", mode: "no-cors", body: signed}).then(answer => answer.type),
    () => new Promise(resolve => {
      const image = new Image();
      image.onload = image.onerror = event => resolve(event.type);
      image.src = `${endpoint}/?${signed}`;
    }),
    () => new Promise(resolve => {
      const frame = document.createElement("iframe");
      frame.name = "answer";
      document.body.append(frame);
      const sent = document.createElement("form");
      Object.assign(sent, {method: "POST", action: `${endpoint}/?${signed}`, target: "answer"});
      document.body.append(sent);
      frame.onload = event => resolve(event.type);
      sent.submit();
    }),
  ];
  const results = [];
  for (const each of tries) {
    const patience = new Promise(resolve => setTimeout(resolve, 5000, "no answer"));
    results.push(await Promise.race([each().catch(error => error.name), patience]));
  }
  return results;
}
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_site_changes_nothing_in_the_local_aws(stack, browser, host):
    endpoint = stack.environment["AWS_ENDPOINT_URL"]
    iam = stack.client("iam")
    roles = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    with Server((host, 0), lambda *_: (200, {"Content-Type": "text/html"}, b"<!doctype html><body>")) as site:
        context = browser.new_context()
        try:
            page = context.new_page()
            page.goto(f"http://{host}:{site.server_port}/")
            results = page.evaluate(ATTACK, endpoint)
        finally:
            context.close()
    # TypeError is a refused preflight. The other requests are sent, but scripts cannot read the responses.
    assert results[0] == "TypeError", results
    assert len(results) == 5
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} == roles


def test_an_invocation_is_not_delayed_by_nagles_algorithm(stack):
    def seconds(socket):
        start = time.perf_counter()
        socket.send('{"message":"hi"}')
        [socket.recv(timeout=10) for _ in range(2)]
        return time.perf_counter() - start

    with stack.connect() as socket:
        # With Nagle's algorithm, each answer to `next` waits for a delayed acknowledgement, at least 40 ms.
        # Many times, because other processes delay a single one.
        assert any(seconds(socket) < 0.035 for _ in range(300))


def test_recognizes_loopback_hosts():
    assert is_loopback("127.0.0.1:80", 80)
    assert is_loopback("localhost", 80)
    assert not is_loopback("localhost:", 81)
    assert not is_loopback("localhost:99999", None)
    assert not is_loopback("[::1", None)
    assert is_loopback("127.0.0.1:1", None)


def test_a_request_without_a_host_is_refused():
    assert refusal([], 80)
    assert refusal([("host", "127.0.0.1:80")], 80) is None
