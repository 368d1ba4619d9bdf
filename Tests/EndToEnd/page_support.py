"""What the tests of the page share: a browser, a driver for the page, and two things to put between it and AWS."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import reprlib
import shutil
import signal
import socket
import threading
import time
import urllib.parse

import pytest
from playwright.sync_api import sync_playwright
from servers import Served
from stack import CONTENT_TYPES
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.server import serve

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE_FOLDER = ROOT / "web"
PAGE_FILE = PAGE_FOLDER / "index.html"


def eventually(read, expected, seconds=15, pause=lambda: time.sleep(0.05)):
    """Waits until read() gives what is expected: a value, or a predicate of it. A failure shows what it gave last."""
    holds = expected if callable(expected) else lambda value: value == expected
    deadline = time.monotonic() + seconds
    while not holds(value := read()):
        if time.monotonic() > deadline:
            wanted = "" if callable(expected) else f", not {reprlib.repr(expected)}"
            raise AssertionError(f"after {seconds} s still {reprlib.repr(value)}{wanted}")
        pause()
    return value


class ChatPage:
    """The page in one tab, and what a person sees in it."""

    def __init__(self, page):
        self.page = page
        self.problems = []
        self.sent = []
        self.requests = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: "Content Security Policy" in line.text and self.problems.append(line.text))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._watch)

    def _watch(self, websocket):
        self.requests.append(websocket.url)
        websocket.on("framesent", lambda payload: self.sent.append(payload))

    def eventually(self, read, expected, seconds=15):
        # Waiting in the browser lets Playwright hand over its events meanwhile.
        return eventually(read, expected, seconds, lambda: self.page.wait_for_timeout(50))

    @property
    def state(self):
        return self.page.inner_text("#state").strip()

    def wait_for_state(self, word, seconds=15):
        self.eventually(lambda: self.state, lambda state: state.startswith(word), seconds)

    def write(self, text):
        self.page.fill("#message", text)
        self.page.get_by_role("button", name="Send").click()

    def show_all(self):
        """Presses every "Show more" until no message has more to show."""
        while (button := self.page.locator("button.more").first).count():
            button.click()

    def texts(self, selector="#messages .message .text"):
        # textContent as it stands: inner_text would fold white space.
        return self.page.locator(selector).evaluate_all("nodes => nodes.map(node => node.textContent)")

    @property
    def messages(self):
        return self.texts()

    @property
    def own(self):
        return self.texts("#messages .message.own .text")

    @property
    def waiting(self):
        return self.texts("#outbox .message .text")

    @property
    def notes(self):
        return self.texts("#messages .note")


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium on this machine: apt-get install chromium"
    with sync_playwright() as playwright:
        # Without a sandbox: CI runs as root, where Chromium has none. The page under test is our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens addresses, each in a browser profile of its own; afterwards none may have met an error."""
    opened = []

    def open_page(address, connected=True, before=lambda page: None, **options):
        context = browser.new_context(**{"viewport": {"width": 800, "height": 600}, **options})
        chat = ChatPage(context.new_page())
        opened.append((context, chat))
        before(chat.page)
        chat.page.goto(address)
        if connected:
            chat.wait_for_state("Connected")
        return chat

    yield open_page
    problems = [chat.problems for _, chat in opened]
    for context, _ in opened:
        context.close()
    assert not any(problems), problems


class PageServer(Served, http.server.ThreadingHTTPServer):
    """Serves the page, and config.json only if the test sets `configuration`: status, body."""

    configuration = (404, b"")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), functools.partial(PageHandler, directory=PAGE_FOLDER))
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def page_for(self, websocket_url):
        """The page's address with this chat server."""
        return f"{self.url}?{urllib.parse.urlencode({'url': websocket_url})}"


class PageHandler(http.server.SimpleHTTPRequestHandler):
    extensions_map = CONTENT_TYPES

    def do_GET(self):
        if not self.path.startswith("/config.json"):
            return super().do_GET()
        status, body = self.server.configuration
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def page_server():
    with PageServer() as server:
        yield server


@pytest.fixture
def page_for(page_server):
    """Returns the address of the page for a chat server; without the stack."""
    return page_server.page_for


@pytest.fixture
def chat(open_page, gateway, page_for):
    """The page, connected to the scripted gateway; without the stack."""
    return open_page(page_for(gateway.url))


def numbered(name, count):
    return [f"{name} {number}" for number in range(count)]


def messages_of(frames):
    return [json.loads(frame) for frame in frames if "message" in json.loads(frame)]


def open_connections(stack):
    api = stack.client("apigatewaymanagementapi", stack.environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"])
    for connection in stack.rows():
        # The row of a socket that was closed just now may still be there.
        with contextlib.suppress(api.exceptions.GoneException):
            api.get_connection(ConnectionId=connection)
            yield api, connection


def drop_every_connection(stack):
    """Has API Gateway close the sockets, as an operator could."""
    for api, connection in list(open_connections(stack)):
        api.delete_connection(ConnectionId=connection)


def post_to_everybody(stack, frames):
    """Posts as the message function does, but faster than the local AWS invokes a function: that takes 0.1 s."""
    connections = list(open_connections(stack))
    for frame in frames:
        for api, connection in connections:
            api.post_to_connection(ConnectionId=connection, Data=json.dumps(frame).encode())


@contextlib.contextmanager
def stopped(stack):
    """Stops the local AWS's process meanwhile: its sockets stay open, without an answer."""
    [aws] = [
        int(process.name)
        for process in pathlib.Path("/proc").glob("[0-9]*")
        if f"\nPPid:\t{stack.process.pid}\n" in (process / "status").read_text()
        and b"ministack" in (process / "cmdline").read_bytes()
    ]
    os.kill(aws, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(aws, signal.SIGCONT)


class Proxy:
    """A TCP proxy in front of the local AWS that can be cut and restored."""

    def __init__(self, target_url):
        self.target = urllib.parse.urlsplit(target_url)
        self.sockets = []
        self.stalled = set()
        self.listener = None
        self.port = 0
        self.restore()

    @property
    def url(self):
        return self.target._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    def restore(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        if self.listener:
            # shutdown wakes the accept() that another thread sleeps in; close alone would leave the port listening.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.drop()

    def drop(self):
        """Drops the connections there are, and takes new ones."""
        sockets, self.sockets = self.sockets, []
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def stall(self):
        """Delivers nothing more on the connections that exist, in either direction; they stay open."""
        self.stalled.update(self.sockets)

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((self.target.hostname, self.target.port))
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                if source not in self.stalled:
                    sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def proxy(stack):
    proxy = Proxy(stack.websocket_url)
    yield proxy
    proxy.cut()


class ScriptedGateway:
    """A gateway for what the local AWS does not do: it answers each frame as the test orders.

    `answer(connection, frame)` is called for each frame that comes; by default everybody gets it, as in the chat.
    """

    def __init__(self):
        self.connections = []
        self.received = []
        self.answer = self.broadcast
        self.server = serve(self._serve, "127.0.0.1", 0, max_size=None, process_request=self._accept)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        host, port = self.server.socket.getsockname()
        return f"ws://{host}:{port}/dev"

    def broadcast(self, _, frame):
        for connection in list(self.connections):
            if connection.protocol.state is State.OPEN:
                connection.send(frame)

    def say(self, frame):
        """Sends to every page, as posts to @connections would."""
        self.broadcast(None, frame if isinstance(frame, str) else json.dumps(frame))

    def say_bytes(self, frame):
        """Sends a binary frame to every page."""
        self.broadcast(None, frame)

    def _accept(self, connection, _):
        # Before the page hears that it is connected: in _serve, which starts afterwards, a test could be faster.
        self.connections.append(connection)

    def _serve(self, connection):
        try:
            # A page that is closed, or gives a socket up, sends no close frame.
            with contextlib.suppress(ConnectionClosed):
                for frame in connection:
                    self.received.append(frame)
                    self.answer(connection, frame)
        finally:
            self.connections.remove(connection)


@pytest.fixture
def gateway():
    gateway = ScriptedGateway()
    yield gateway
    gateway.server.shutdown()
