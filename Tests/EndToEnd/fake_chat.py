"""A chat server of docs/protocol.md in one process, with faults on demand, for tests that need no stack."""

import contextlib
import queue
import secrets
import socket
import threading
import time

import chat_rules as rules
import pytest
from chat_contract import FRAME_LIMIT, MESSAGE_LIMIT
from fake_chat_rooms import Rooms
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve


class Member:
    """A connection on the server's side. A thread writes its frames, so that a slow client delays no other."""

    def __init__(self, chat, connection, identity, connection_id):
        self.chat = chat
        self.connection = connection
        self.id = connection_id
        self.room, self.name, self.user_id = identity.room, identity.name, identity.user_id
        # The rank of `enter` among all; None before it.
        self.entered = None
        self._outbound = queue.SimpleQueue()

    @property
    def user(self):
        return {"id": self.user_id, "name": self.name}

    def post(self, frame):
        self._outbound.put((time.monotonic() + self.chat.delay, frame))

    def end(self):
        self._outbound.put(None)

    def write(self):
        while (item := self._outbound.get()) is not None:
            due, frame = item
            time.sleep(max(0.0, due - time.monotonic()))
            self.chat.deliveries.wait()
            with contextlib.suppress(ConnectionClosed, OSError):
                self.connection.send(frame)


class FakeChat(Rooms):
    """The server. Tests may change its settings at any time; `Rooms` has those that concern actions.

    `handshakes` are the paths of all handshakes, those that were refused included.
    """

    def __init__(self):
        super().__init__()
        self.handshakes = []
        self.refusal = None  # a status and a body, the answer to every handshake
        self.issuer = None  # the FakeIssuer whose tokens are required
        self.closed_rooms = set()  # rooms that are answered with 403
        self.answers_handshakes = threading.Event()  # cleared: handshakes wait
        self.answers_handshakes.set()
        self.deliveries = threading.Event()  # cleared: frames to clients wait
        self.deliveries.set()
        self.delay = 0.0  # seconds by which each frame to a client is late
        self.port = 0
        self.start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/dev"

    def start(self):
        """Listens; after `stop`, on the same port."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = listener.getsockname()[1]
        limits = {"max_size": (MESSAGE_LIMIT, FRAME_LIMIT), "compression": None, "ping_interval": None}
        self.server = serve(self._serve, sock=listener, process_request=self._accept, **limits)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Refuses new connections and drops all others."""
        self.server.shutdown()
        self.drop()

    def drop(self, where=lambda member: True):
        """Ends connections without a closing handshake."""
        for member in self.chosen(where):
            with contextlib.suppress(OSError):
                member.connection.socket.shutdown(socket.SHUT_RDWR)

    def close(self, code=1001, where=lambda member: True):
        """Closes connections, as API Gateway does after 2 hours, or after 10 minutes without a frame."""
        for member in self.chosen(where):
            member.connection.close(code)

    def chosen(self, where):
        with self.lock:
            return [member for member in self.members if where(member)]

    def _accept(self, connection, request):
        with self.lock:
            self.handshakes.append(request.path)
        self.answers_handshakes.wait()
        if self.refusal:
            return connection.respond(*self.refusal)
        connection_id = secrets.token_urlsafe(11) + "="
        try:
            identity = rules.identity(request.path, connection_id, self.issuer and self._verify)
            if identity.room in self.closed_rooms:
                raise rules.Refused("forbidden", "The token does not allow this room.")
        except rules.Refused as refused:
            return connection.respond(refused.status, str(refused))
        connection.member = Member(self, connection, identity, connection_id)
        with self.lock:
            # Before the handshake ends: a test that has connected expects its frames to be delivered.
            self.members.append(connection.member)
        return None

    def _verify(self, token):
        claims = self.issuer.verify(token)
        if not claims:
            raise rules.Refused("unauthorized", "The token is not valid.")
        return claims

    def _serve(self, connection):
        member = connection.member
        threading.Thread(target=member.write, daemon=True).start()
        try:
            # A client that drops its socket sends no close frame.
            with contextlib.suppress(ConnectionClosed):
                for frame in connection:
                    self.receive(member, frame if isinstance(frame, str) else frame.decode(errors="replace"))
        finally:
            member.end()
            self.leave(member)


@pytest.fixture
def fake_chat():
    """A fake chat server."""
    chat = FakeChat()
    yield chat
    chat.deliveries.set()
    chat.answers_handshakes.set()
    chat.stop()
