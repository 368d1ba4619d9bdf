"""HTTP servers that a test runs beside what it tests, each in a `with`."""

import http.server
import ssl
import sys
import threading


class Served:
    """A socketserver that serves in a thread of its own, for as long as the `with` lasts."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what the server's `answer(method, path, headers, body)` gives: status, headers, body."""

    protocol_version = "HTTP/1.1"
    # One write for head and body.
    wbufsize = -1

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, content = self.server.answer(self.command, self.path, self.headers, body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(Served, http.server.ThreadingHTTPServer):
    """An HTTP server; HTTPS where it has a certificate."""

    request_queue_size = 512

    def __init__(self, address, answer, certificate=None):
        super().__init__(address, Handler)
        self.answer = answer
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Shaken hands with in the connection's own thread: a client that refuses must not stop the others.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        # A client that refuses the certificate, or ends, is none of the server's.
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)
