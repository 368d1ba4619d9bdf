"""Serves the page on loopback, with the config.json of the running system."""

import contextlib
import functools
import http.server
import json
import threading
from urllib.parse import urlsplit

import stack
from loopback_guard import guarded_parse

# Before the page's Content Security Policy, which would block the script's connection.
RELOAD_TAG = b"<head>", b'<head><script src="reload.js"></script>'
RELOAD_SCRIPT = b'new EventSource("changes").onmessage = () => location.reload();\n'


class Reload:
    """Notifies open pages that they must reload."""

    def __init__(self):
        self.condition = threading.Condition()
        self.number = 0

    def announce(self):
        with self.condition:
            self.number += 1
            self.condition.notify_all()

    def wait(self):
        """Blocks until the next announcement."""
        with self.condition:
            number = self.number
            self.condition.wait_for(lambda: self.number > number)


@contextlib.contextmanager
def page_server(host, port, configuration, reload=None):
    """Serves web/ and the configuration as config.json, and yields the page's URL. With a `Reload`, open pages reload at
    each announcement.
    """
    config = json.dumps(configuration).encode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = stack.CONTENT_TYPES
        parse_request = guarded_parse(http.server.SimpleHTTPRequestHandler.parse_request)

        def do_GET(self):
            path = urlsplit(self.path).path
            if path == "/config.json":
                self.answer("application/json", config)
            elif reload and path in ("/", "/index.html"):
                self.answer("text/html; charset=utf-8", (stack.PAGE / "index.html").read_bytes().replace(*RELOAD_TAG, 1))
            elif reload and path == "/reload.js":
                self.answer("text/javascript; charset=utf-8", RELOAD_SCRIPT)
            elif reload and path == "/changes":
                self.follow()
            else:
                super().do_GET()

        def answer(self, content_type, body):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def follow(self):
            """Sends an event for each change. The stream stays open: the page's policy would block a second connection."""
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.flush()
            # Ends when a write fails because the page was closed.
            with contextlib.suppress(ConnectionError):
                while True:
                    reload.wait()
                    self.wfile.write(b"data: changed\n\n")

        def end_headers(self):
            self.send_header("Cache-Control", "no-store")
            super().end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((host, port), functools.partial(Handler, directory=stack.PAGE))
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}/"
        server.shutdown()
