"""HTTP servers for tests, as context managers."""

import http.server
import ssl
import sys
import threading


class Served:
    """A mixin that runs a socketserver in a background thread for the duration of a `with` statement."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status, headers and body that the server's `answer(method, path, headers, body)` returns; None ends the
    connection without a response.
    """

    protocol_version = "HTTP/1.1"
    # Fully buffered: head and body are one write.
    wbufsize = -1

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.answer(self.command, self.path, self.headers, body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(Served, http.server.ThreadingHTTPServer):
    """An HTTP server, or an HTTPS server if a certificate is given."""

    request_queue_size = 512

    def __init__(self, address, answer, certificate=None):
        super().__init__(address, Handler)
        self.answer = answer
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake runs in the connection's thread, so that one failing client does not block the others.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        # Clients that reject the certificate or disconnect are expected.
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)
