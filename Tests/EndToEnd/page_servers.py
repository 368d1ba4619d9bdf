"""Servers for the page's tests: a web server, and a proxy in front of the local AWS."""

import functools
import http.server
import socket
import threading
import urllib.parse

import pytest
from page_support import PAGE_FOLDER
from servers import Served
from stack import CONTENT_TYPES


class PageServer(Served, http.server.ThreadingHTTPServer):
    """A web server for the page. Answers config.json with `configuration`, a status and a body; by default 404."""

    configuration = (404, b"")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), functools.partial(PageHandler, directory=PAGE_FOLDER))
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def page_for(self, websocket_url):
        """Returns the page's address with ?url= set to this chat server."""
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
    """A function from a chat server's URL to the page's address. Needs no stack."""
    return page_server.page_for


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
            # shutdown() wakes the thread in accept(). With close() alone, the port would keep listening.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.drop()

    def drop(self):
        """Closes all connections, and keeps accepting new ones."""
        sockets, self.sockets = self.sockets, []
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # already closed

    def stall(self):
        """Discards all further data on the existing connections, in both directions, and keeps them open."""
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
