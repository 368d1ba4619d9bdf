"""docs/asyncapi.yaml as a validator of frames, for tests that see them."""

import copy
import json
import pathlib
import re
from datetime import datetime, timezone

import jsonschema_rs
import yaml
from chat_rules import milliseconds_of

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs/asyncapi.yaml"
# The largest message that API Gateway delivers, in bytes.
MESSAGE_LIMIT = 131_072
# The largest single WebSocket frame that API Gateway accepts, in bytes.
FRAME_LIMIT = 32_768
GATEWAY_ERROR_FIELDS = {"message", "connectionId", "requestId"}
# A message frame's fields, in the order in which the server writes them.
ORDER = ["type", "id", "clientId", "room", "from", "at", "ephemeral", "message"]


class Contract:
    """The frames of docs/asyncapi.yaml. Stricter than for clients: an undocumented field of the server is an error."""

    def __init__(self, document=None):
        self.document = document or yaml.safe_load(FILE.read_text())
        closed = copy.deepcopy(self.document)
        for schema in closed["components"]["schemas"].values():
            close(schema)
        self._schemas = {}
        for message in self.document["components"]["messages"].values():
            name = message["payload"]["$ref"].rpartition("/")[2]
            fields = self.document["components"]["schemas"][name].get("properties", {})
            for kind, source in (("type", closed), ("action", self.document)):
                if kind in fields:
                    self._schemas[kind, fields[kind]["const"]] = validator(name, source)
        self._gateway_error = validator("GatewayError", closed)

    @property
    def types(self):
        """The values of `type` in the server's frames."""
        return {value for kind, value in self._schemas if kind == "type"}

    def from_server(self, text):
        """Returns a frame of the server as a value. Raises AssertionError unless it is as documented."""
        assert len(text.encode()) <= MESSAGE_LIMIT, f"{len(text.encode())} bytes in a frame"
        frame = json.loads(text)
        if isinstance(frame, dict) and (schema := self._schemas.get(("type", frame.get("type")))):
            check(schema, frame)
            check_rules(frame)
        elif isinstance(frame, dict) and frame.keys() == GATEWAY_ERROR_FIELDS:
            check(self._gateway_error, frame)
        return frame

    def from_client(self, text):
        """Raises AssertionError if a client's frame has an action of the protocol and is not as documented."""
        frame = json.loads(text)
        if isinstance(frame, dict) and (schema := self._schemas.get(("action", frame.get("action")))):
            check(schema, frame)


def validator(name, document):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft7Validator(schema)


def close(schema):
    """Forbids fields that a schema of an object does not list."""
    if schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)


def check(schema, frame):
    errors = [f"{error.instance_path}: {error.message}" for error in schema.iter_errors(frame)]
    assert not errors, f"{errors} in {json.dumps(frame)[:2000]}"


def check_rules(frame):
    """Checks what a schema cannot express."""
    if frame["type"] == "message":
        check_message(frame)
    assert "retryAfterMs" not in frame or frame["code"] == "rate_limited"
    if "access" in frame:
        assert list(frame)[:4] == ["type", "you", "room", "access"], f"fields out of order: {list(frame)}"
    if "messages" in frame:
        for message in frame["messages"]:
            check_message(message)
            assert "ephemeral" not in message or frame["type"] == "messages"
        ids = [message["id"] for message in frame["messages"]]
        assert ids == sorted(set(ids)), f"ids are not ascending: {ids}"
        assert frame["type"] != "entered" or {message["room"] for message in frame["messages"]} <= {frame["room"]}
    if "users" in frame:
        ids = [user["id"] for user in frame["users"]]
        assert len(set(ids)) == len(ids), f"a person is listed twice: {ids}"
        assert frame["count"] >= len(ids)
    if frame["type"] == "entered":
        assert frame["you"]["id"] in {user["id"] for user in frame["users"]}


def check_message(frame):
    assert list(frame) == [field for field in ORDER if field in frame], f"fields out of order: {list(frame)}"
    assert frame["at"] == time_of(frame["id"])


def time_of(message_id):
    """Returns the time of a message's id, as in the field `at`."""
    milliseconds = milliseconds_of(message_id)
    seconds = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def raw_message(text):
    """Returns the bytes of the field `message`, the last one of a message frame."""
    head = r'\{"type":"message",.*?,"at":"[^"]*"(?:,"ephemeral":true)?,"message":'
    return re.fullmatch(head + r"(.*)\}", text, re.DOTALL)[1]
