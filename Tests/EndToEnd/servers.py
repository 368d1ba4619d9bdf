"""HTTP servers for tests, as context managers."""

import http.server
import ssl
import sys
import threading


class Served:
    """A socketserver that serves in a separate thread inside a `with` block."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status, headers and body that the server's `answer(method, path, headers, body)` returns."""

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
    """An HTTP server, or an HTTPS server if it has a certificate."""

    request_queue_size = 512

    def __init__(self, address, answer, certificate=None):
        super().__init__(address, Handler)
        self.answer = answer
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake runs in the connection's thread, so that a client that aborts it blocks no other.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        # Clients may reject the certificate or disconnect.
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)
