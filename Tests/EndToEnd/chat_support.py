"""Clients of the chat's protocol, and rows of its tables."""

import contextlib
import hashlib
import json
import time
import uuid
from datetime import datetime, timedelta, timezone


class Client:
    """A WebSocket client that reads frames as JSON. A context manager."""

    def __init__(self, stack, **query):
        self.name = query.get("name")
        self.socket = stack.connect(query)
        self._unread = []

    def __enter__(self):
        self.socket.__enter__()
        return self

    def __exit__(self, *exception):
        self.socket.__exit__(*exception)

    def send(self, action, **fields):
        self.socket.send(json.dumps({"action": action, **fields}))

    def next(self, *types, seconds=20):
        """Returns the next frame of one of these types, and keeps the others."""
        deadline = time.monotonic() + seconds
        for index, frame in enumerate(self._unread):
            if frame["type"] in types:
                return self._unread.pop(index)
        while True:
            frame = json.loads(self.socket.recv(timeout=max(0, deadline - time.monotonic())))
            if frame["type"] in types:
                return frame
            self._unread.append(frame)

    def ask(self, action, **fields):
        """Sends a frame and returns its answer, which for `send` is the message or an error."""
        self.send(action, **fields)
        answers = {"enter": "entered", "send": "message"}
        return self.next(answers.get(action, action), "error")

    def enter(self, **fields):
        return self.ask("enter", **fields)

    def rest(self, quiet=0.5):
        """Returns all further frames, until none arrives for some time."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._unread.append(json.loads(self.socket.recv(timeout=quiet)))
        frames, self._unread = self._unread, []
        return frames


def unique(prefix="r"):
    """Returns a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def row_of(stack, client):
    """Returns the row of a client with a name of its own."""
    [row] = [row for row in stack.rows().values() if row.get("name") == {"S": client.name}]
    return row


def old_row(connection, room, user):
    """Returns the row of a connection that entered an hour ago, and that is not open."""
    opened = datetime.now(timezone.utc) - timedelta(hours=1)
    return {
        "connectionId": {"S": connection},
        "timestamp": {"S": opened.strftime("%FT%T.000Z")},
        "expiresAt": {"N": str(int(opened.timestamp()) + 7800)},
        "room": {"S": room},
        "roomKey": {"S": hashlib.sha256(connection.encode()).hexdigest()[:4] + connection},
        "userId": {"S": user},
        "name": {"S": user},
        "enteredAt": {"N": str(int(opened.timestamp() * 1000))},
    }
