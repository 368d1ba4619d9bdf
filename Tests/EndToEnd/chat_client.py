"""A WebSocket client for tests of the protocol, against the fake chat server and the real stack."""

import json
import time
from urllib.parse import urlencode

from chat_contract import FRAME_LIMIT, Contract
from websockets.sync.client import connect

CONTRACT = Contract()


def address(url, **query):
    """Returns a chat server's URL with a query. Parameters that are None are left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{url}?{urlencode(given)}" if given else url


class ChatClient:
    """One connection, a context manager. Validates every frame in both directions against docs/asyncapi.yaml.

    `frames` are the texts that arrived and were not yet returned; `texts` are those that are not JSON, which only the
    local AWS sends: the bodies of the `$default` route's responses.
    """

    def __init__(self, url, room=None, name=None, key=None, token=None, **options):
        # A full queue would delay the closing handshake.
        options = {"open_timeout": 30, "ping_interval": None, "max_size": None, "max_queue": None, **options}
        opening = connect(address(url, room=room, name=name, key=key, token=token), proxy=None, **options)
        self.connection = opening.__enter__()
        self.frames = []
        self.texts = []
        self.you = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send_text(self, text):
        """Sends text in frames of at most 32 KB, the limit of API Gateway."""
        data = text.encode()
        if len(data) <= FRAME_LIMIT:
            self.connection.send(text)
        else:
            pieces = (data[start : start + FRAME_LIMIT] for start in range(0, len(data), FRAME_LIMIT))
            self.connection.send(pieces, text=True)

    def request(self, action, **fields):
        """Sends a request. Fields that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        text = json.dumps({"action": action, **given})
        CONTRACT.from_client(text)
        self.send_text(text)

    def send(self, message, client_id=None, ephemeral=None):
        text = json.dumps({"action": "send", "clientId": client_id, "ephemeral": ephemeral, "message": message})
        frame = {name: value for name, value in json.loads(text).items() if name == "message" or value is not None}
        self.send_text(json.dumps(frame))

    def receive(self, timeout=10):
        """Returns the next text that arrives, validated. Raises TimeoutError."""
        while True:
            text = self.connection.recv(timeout=timeout)
            text = text if isinstance(text, str) else text.decode()
            try:
                json.loads(text)
            except ValueError:
                self.texts.append(text)
                continue
            CONTRACT.from_server(text)
            return text

    def text_of(self, kind, timeout=10, where=lambda frame: True):
        """Returns the first text of a type that meets the condition, and keeps all others in `frames`."""
        deadline = time.monotonic() + timeout
        position = 0
        while True:
            while position < len(self.frames):
                frame = json.loads(self.frames[position])
                if isinstance(frame, dict) and frame.get("type") == kind and where(frame):
                    return self.frames.pop(position)
                position += 1
            self.frames.append(self.receive(max(0.001, deadline - time.monotonic())))

    def next(self, kind, timeout=10, where=lambda frame: True):
        """Returns the first frame of a type that meets the condition, and keeps all others in `frames`."""
        return json.loads(self.text_of(kind, timeout, where))

    def error(self, code, timeout=10):
        """Returns the next error frame, which must have this code."""
        frame = self.next("error", timeout)
        assert frame["code"] == code, frame
        return frame

    def enter(self, after=None):
        self.request("enter", after=after)
        entered = self.next("entered")
        self.you = entered["you"]
        return entered

    def who(self):
        self.request("who")
        return self.next("who")

    def history(self, **fields):
        self.request("history", **fields)
        return self.next("history")

    def quiet(self, seconds=0.3):
        """Returns the texts that arrive until none does for a while, and those that were kept."""
        while True:
            try:
                self.frames.append(self.receive(seconds))
            except TimeoutError:
                frames, self.frames = self.frames, []
                return frames


def catch_up(client, after):
    """Returns all messages since an id, by `enter` and `history`, as docs/protocol.md advises."""
    page = client.enter(after)
    messages = page["messages"]
    while page["more"]:
        after = page["messages"][-1]["id"] if page["messages"] else after
        page = client.history(after=after)
        messages += page["messages"]
    return messages
