"""The first attempt of an AWS call succeeds with name servers that are silent, refuse, are slow or lose packets.

An attempt takes at most 5 s, so a handshake that answers 200 sooner needed only one.
"""

import socketserver
import struct
import threading
import time

import pytest
from bare_root import SERVICES, ipv4, labels
from servers import Served, Server
from test_bare_root import CONNECT, DYNAMODB, Services, answer, certificates, root  # noqa: F401

# One build suffices: AWS calls use the same libcurl in both.
pytestmark = pytest.mark.builds("default")

FIRST, SECOND, THIRD = (f"127.83.1.{number}" for number in range(1, 4))
A, AAAA = 1, 28
SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 2, 3, 4, 5
ATTEMPT = 5


class Question:
    """A DNS query and its possible responses."""

    def __init__(self, query, over_tcp):
        end = query.index(0, 12)
        (self.kind,) = struct.unpack_from("!H", query, end + 1)
        self.name = ".".join(labels(query[12:end])).lower()
        self.over_tcp = over_tcp
        self._query = query
        self._end = end

    def response(self, code=0, address=None, truncated=False):
        record = b"" if not address else struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, ipv4(address))
        flags = 0x8180 | code | (0x0200 if truncated else 0)
        header = struct.pack("!HHHHH", flags, 1, bool(record), 0, 0)
        return self._query[:2] + header + self._query[12 : self._end + 5] + record

    def answer(self):
        """Returns a correct server's response: only DynamoDB's name exists, with an IPv4 address."""
        if self.name != DYNAMODB:
            return self.response(NXDOMAIN)
        return self.response(address=SERVICES if self.kind == A else None)


class ScriptedNameServer:
    """A name server over UDP and TCP at an address; `behave(question)` gives the response, or `None` for none."""

    def __init__(self, address, behave):
        self.asked = []

        def respond(query, over_tcp):
            question = Question(query, over_tcp)
            self.asked.append(question)
            return behave(question)

        class OverUDP(socketserver.BaseRequestHandler):
            def handle(self):
                query, sender = self.request
                if response := respond(query, False):
                    sender.sendto(response, self.client_address)

        class OverTCP(socketserver.StreamRequestHandler):
            def handle(self):
                while length := self.rfile.read(2):
                    if response := respond(self.rfile.read(*struct.unpack("!H", length)), True):
                        self.wfile.write(struct.pack("!H", len(response)) + response)

        self._servers = [UDPServer((address, 53), OverUDP), TCPServer((address, 53), OverTCP)]

    def __enter__(self):
        for server in self._servers:
            server.__enter__()
        return self

    def __exit__(self, *exception):
        for server in self._servers:
            server.__exit__(*exception)


class Quick(Served):
    """Stops in milliseconds."""

    daemon_threads = True

    def serve_forever(self, poll_interval=0.02):
        super().serve_forever(poll_interval)


class UDPServer(Quick, socketserver.ThreadingUDPServer):
    pass


class TCPServer(Quick, socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def sound(question):
    return question.answer()


def silent(_):
    return None


def always(code):
    return lambda question: question.response(code)


def without_aaaa(code=None):
    """Returns a behavior that answers AAAA queries with this code or, without one, not at all."""

    def behave(question):
        if question.kind == AAAA:
            return question.response(code) if code is not None else None
        return question.answer()

    return behave


def slow(seconds):
    def behave(question):
        time.sleep(seconds)
        return question.answer()

    return behave


def truncating(question):
    return question.answer() if question.over_tcp else question.response(truncated=True)


def forgetful():
    """Returns a behavior that drops the first query for each name and type."""
    seen, lock = set(), threading.Lock()

    def behave(question):
        with lock:
            key = (question.name, question.kind)
            if key in seen:
                return question.answer()
            seen.add(key)
        return None

    return behave


SEARCH = "search one.test two.test three.test\noptions ndots:5\n"
# Name servers in order (`None`: no server, so ICMP refuses a query), more lines of resolv.conf, and the time limit of the
# handshake in seconds.
LAYOUTS = {
    "one": ([sound], "", 2),
    "first silent": ([silent, sound], "", 2),
    "two of three silent": ([silent, silent, sound], "", 3),
    "first not there": ([None, sound], "", 2),
    "two of three not there": ([None, None, sound], "", 2),
    "first refuses": ([always(REFUSED), sound], "", 2),
    "first fails": ([always(SERVFAIL), sound], "", 2),
    "first not implemented": ([always(NOTIMP), always(REFUSED), sound], "", 2),
    "AAAA dropped": ([without_aaaa()], "", 2),
    "AAAA dropped, first silent": ([silent, without_aaaa()], "", 3),
    "AAAA SERVFAIL": ([without_aaaa(SERVFAIL)], "", 2),
    "AAAA NOTIMP": ([without_aaaa(NOTIMP)], "", 2),
    "AAAA REFUSED": ([without_aaaa(REFUSED)], "", 2),
    "truncated": ([truncating], "", 2),
    "truncated, first silent": ([silent, truncating], "", 3),
    "search": ([sound], SEARCH, 2),
    "search, AAAA dropped": ([without_aaaa()], SEARCH, 2),
    "search, first silent": ([silent, sound], SEARCH, ATTEMPT),
    "search, two of three silent": ([silent, silent, sound], SEARCH, ATTEMPT),
    "slow": ([slow(1)], "", 3),
    "slow, first silent": ([silent, slow(1)], "", ATTEMPT),
    "first packet lost": ([forgetful()], "", 2),
    "first packet lost twice": ([forgetful(), forgetful()], "", ATTEMPT),
    "rotate": ([silent, sound], "options rotate\n", 2),
}


@pytest.fixture
def dynamodb(certificates):  # noqa: F811
    services = Services()
    with Server((SERVICES, 443), services.answer, certificates.issue(DYNAMODB)):
        yield services


@pytest.mark.parametrize("layout", LAYOUTS)
def test_resolves_within_an_attempt(root, dynamodb, layout):  # noqa: F811
    behaviours, more, limit = LAYOUTS[layout]
    addresses = (FIRST, SECOND, THIRD)
    configuration = root.folder / "root/etc/resolv.conf"
    original = configuration.read_text()
    lines = "".join(f"nameserver {address}\n" for address, _ in zip(addresses, behaviours, strict=False))
    configuration.write_text(lines + more)
    servers = [ScriptedNameServer(*pair) for pair in zip(addresses, behaviours, strict=False) if pair[1]]
    try:
        for server in servers:
            server.__enter__()
        with root.start() as sandbox:
            start = time.monotonic()
            assert sandbox.invoke(CONNECT) == answer(200, "Connected.")
            assert time.monotonic() - start < limit
    finally:
        configuration.write_text(original)
        for server in servers:
            server.__exit__()
    if "search" in layout:
        assert {question.name for question in servers[-1].asked} >= {f"{DYNAMODB}.one.test", DYNAMODB}
    if "truncated" in layout:
        assert any(question.over_tcp for question in servers[-1].asked)


def test_silent_name_servers_are_reported(root, dynamodb):  # noqa: F811
    configuration = root.folder / "root/etc/resolv.conf"
    original = configuration.read_text()
    configuration.write_text(f"nameserver {FIRST}\nnameserver {SECOND}\n")
    try:
        with ScriptedNameServer(FIRST, silent), ScriptedNameServer(SECOND, silent), root.start() as sandbox:
            assert sandbox.invoke(CONNECT)[1]["statusCode"] == 500
            (error,) = sandbox.errors()
        assert "name not resolved" in error["errorMessage"]
    finally:
        configuration.write_text(original)
