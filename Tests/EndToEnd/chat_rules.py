"""Rules of docs/protocol.md as functions without I/O, for the fake chat server."""

import base64
import hashlib
import json
import re
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import chat_json

DEFAULT_NAME = "Guest"
ROOM = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
KEY = re.compile(r"[!-~]{1,128}")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# Bidirectional controls, with which a name could reorder the text around it.
BIDIRECTIONAL = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


# In the order in which the server looks for a name.
NAME_CLAIMS = ("name", "preferred_username", "nickname", "given_name", "cognito:username", "username")
# The answers to a handshake.
STATUS = {"invalid": 400, "unauthorized": 401, "forbidden": 403}


class Refused(Exception):
    """A request that is answered with an error frame, or a handshake that is answered with `status`."""

    def __init__(self, code, message, retry_after=None):
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after

    @property
    def status(self):
        return STATUS[self.code]


@dataclass
class Identity:
    """The query of a handshake."""

    room: str
    name: str
    user_id: str


def identity(path, connection_id, verify=None):
    """Reads a handshake's query. Raises Refused if a parameter is malformed.

    `verify`, where people sign in: returns the claims of a token, or raises Refused.
    """
    try:
        given = parse_qs(urlsplit(path).query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refused("invalid", "The query is not UTF-8.") from None
    found = {}
    checks = {"room": ROOM.fullmatch, "name": is_name, "key": KEY.fullmatch, "token": bool}
    for name, is_valid in checks.items():
        values = given.get(name, [])
        if len(values) > 1 or not all(is_valid(value) for value in values):
            raise Refused("invalid", f"The parameter `{name}` is malformed.")
        found[name] = values[0] if values else None
    room, name = found["room"] or "lobby", found["name"] or DEFAULT_NAME
    if verify:
        claims = verify(found["token"])
        names = [claims[claim] for claim in NAME_CLAIMS if is_name(claims.get(claim, ""))]
        return Identity(room, names[0] if names else name, claims["sub"])
    person = f"key:{found['key']}" if found["key"] else f"connection:{connection_id}"
    return Identity(room, name, user_id(person))


def user_id(person):
    return base64.urlsafe_b64encode(hashlib.sha256(person.encode()).digest()[:16]).decode().rstrip("=")


def is_name(name):
    categories = {unicodedata.category(character) for character in name}
    return (
        1 <= len(name) <= 64
        and not categories & {"Cc", "Cs", "Zl", "Zp"}
        and not BIDIRECTIONAL & set(name)
        and not all(character.isspace() or unicodedata.category(character) == "Cf" for character in name)
    )


class Ids:
    """UUIDs of version 7 that ascend, also within one millisecond."""

    def __init__(self):
        self.last = (0, 0)

    def next(self, milliseconds):
        last, counter = self.last
        self.last = (milliseconds, secrets.randbits(8)) if milliseconds > last else (last, counter + 1)
        milliseconds, counter = self.last
        return message_id(milliseconds, counter, secrets.randbits(62))


def message_id(milliseconds, counter=0, random=0):
    """Returns the UUID of version 7 for a time in milliseconds since 1970. The least one without further arguments."""
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | counter << 64 | 2 << 62 | random))


def milliseconds_of(message_id):
    return uuid.UUID(message_id).int >> 80


def members(text):
    """Returns the raw text of each member of a JSON object by name, or None if the text is another JSON value.

    Raises ValueError if it is not JSON.
    """

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return chat_json.members(text) if isinstance(json.loads(text, parse_constant=refuse), dict) else None


def field(frame, name, is_valid, default=None):
    """Returns the value of a request's field. Raises Refused if it is of the wrong type or value."""
    if name not in frame:
        return default
    value = json.loads(frame[name])
    if not is_valid(value):
        raise Refused("invalid", f"`{name}` is malformed")
    return value


def is_id(value):
    return isinstance(value, str) and ID.fullmatch(value) is not None


def is_client_id(value):
    return isinstance(value, str) and 1 <= len(value) <= 64


def is_limit(value):
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100


def is_boolean(value):
    return isinstance(value, bool)
