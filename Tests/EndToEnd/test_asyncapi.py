"""docs/asyncapi.yaml is valid AsyncAPI 3.0, agrees with docs/protocol.md, and rejects what is not the protocol."""

import copy
import json
import re

import jsonschema_rs
import pytest
import yaml
from chat_contract import FILE, Contract

DOCUMENT = yaml.safe_load(FILE.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]
CONTRACT = Contract()


def references(node, path="#"):
    """Yields each reference with the place where it is."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        if name == "$ref":
            yield path, child
        yield from references(child, f"{path}/{name}")


@pytest.mark.filterwarnings("ignore:Field name")
def test_is_asyncapi_3():
    from asyncapi3.models.asyncapi import AsyncAPI3

    AsyncAPI3.model_validate(DOCUMENT)


def test_every_reference_resolves_and_every_part_is_used():
    targets = {target for _, target in references(DOCUMENT)}
    for target in targets:
        node = DOCUMENT
        for name in target.removeprefix("#/").split("/"):
            node = node[name]
    defined = {
        f"#/components/{kind}/{name}" for kind in ("messages", "schemas") for name in DOCUMENT["components"][kind]
    }
    assert defined <= targets
    assert {f"#/channels/chat/messages/{name}" for name in DOCUMENT["channels"]["chat"]["messages"]} <= targets


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_json_schema(name):
    jsonschema_rs.Draft7Validator({**SCHEMAS[name], "components": DOCUMENT["components"]})


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_valid(name):
    for example in MESSAGES[name]["examples"]:
        text = json.dumps(example["payload"])
        CONTRACT.from_server(text)
        CONTRACT.from_client(text)


def test_the_protocols_examples_and_codes_are_those_of_the_document():
    prose = (FILE.parent / "protocol.md").read_text()
    quoted = re.findall(r'"(action|type)":"([a-z]+)"', prose)
    fields = [schema.get("properties", {}) for schema in SCHEMAS.values()]
    documented = {(kind, each[kind]["const"]) for each in fields for kind in ("action", "type") if kind in each}
    assert set(quoted) == documented
    codes = re.findall(r"^\| `([a-z_]+)` \| .* \| .* \|$", prose.split("## Errors")[1].split("##")[0], re.MULTILINE)
    assert codes == SCHEMAS["Error"]["properties"]["code"]["enum"]
    # Without those that are abbreviated.
    frames = re.findall(r"^ {4}(?:[→←] )?(\{[^…\n]*\})$", prose, re.MULTILINE)
    frames = [frame for frame in frames if '{"id","name"}' not in frame]
    assert len(frames) > 8
    for frame in frames:
        CONTRACT.from_server(frame)
        CONTRACT.from_client(frame)


USER = {"id": "Sn1byhNlu4ws5TW-r90d0w", "name": "Ann"}
ID = "01a21373-7f8b-7000-8000-000000000001"
MESSAGE = {"type": "message", "id": ID, "room": "a", "from": USER, "at": "2026-11-25T16:04:26.123Z", "message": None}
PAGE = {"type": "history", "messages": [MESSAGE], "more": False}
ENTERED = {
    "type": "entered",
    "you": USER,
    "room": "a",
    "users": [USER],
    "count": 1,
    "messages": [MESSAGE],
    "more": False,
}


def changed(frame, **changes):
    return {name: value for name, value in {**frame, **changes}.items() if value is not ...}


# The order of the fields counts.
EPHEMERAL = {**changed(MESSAGE, message=...), "ephemeral": True, "message": 1}


READER = {name: ENTERED.get(name, "read") for name in ("type", "you", "room", "access", *ENTERED)}
LIMITED = {"type": "error", "code": "rate_limited", "message": "x", "retryAfterMs": 400, "clientId": "1"}
SIGNED_IN = {**MESSAGE, "from": {"id": "auth0|é x", "name": "Ann"}}


LATER = {**MESSAGE, "id": ID[:-1] + "2"}


def gathered(*frames):
    return {"type": "messages", "messages": list(frames)}


@pytest.mark.parametrize(
    "frame",
    [
        *(MESSAGE, PAGE, ENTERED, EPHEMERAL, READER, LIMITED, SIGNED_IN, {"type": "deleted", "id": ID}),
        *(gathered(MESSAGE), gathered(EPHEMERAL, LATER)),
    ],
)
def test_accepts_frames_of_the_server(frame):
    assert CONTRACT.from_server(json.dumps(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        changed(MESSAGE, id=ID.upper()),
        changed(MESSAGE, id=ID.replace("-7", "-4")),
        changed(MESSAGE, at="2026-11-25T16:04:26Z"),
        changed(MESSAGE, at="2026-11-25T16:04:26.124Z"),
        changed(MESSAGE, ephemeral=False),
        changed(MESSAGE, extra=1),
        changed(MESSAGE, message=...),
        changed(MESSAGE, clientId=""),
        changed(MESSAGE, **{"from": {**USER, "id": ""}}),
        changed(MESSAGE, **{"from": {**USER, "id": "a\nb"}}),
        changed(MESSAGE, **{"from": {**USER, "id": "x" * 256}}),
        changed(MESSAGE, **{"from": {**USER, "key": "x"}}),
        {"message": None, **changed(MESSAGE, message=...)},
        changed(PAGE, messages=[MESSAGE, MESSAGE]),
        changed(PAGE, messages=[EPHEMERAL]),
        changed(PAGE, more=None),
        changed(ENTERED, users=[]),
        changed(ENTERED, users=[USER, USER]),
        changed(ENTERED, count=0),
        changed(ENTERED, room="b"),
        {**ENTERED, "access": "read"},
        {**READER, "access": "write"},
        {"type": "deleted", "id": "x"},
        gathered(),
        gathered(LATER, MESSAGE),
        gathered(MESSAGE, MESSAGE),
        gathered({"type": "deleted", "id": ID}),
        gathered(changed(MESSAGE, at="2026-11-25T16:04:26.124Z")),
        {**gathered(MESSAGE), "more": False},
        {"type": "error", "code": "other", "message": "x"},
        {"type": "error", "code": "invalid", "message": "x", "retryAfterMs": 1},
        {"type": "error", "code": "rate_limited", "message": "x", "retryAfterMs": 0.5},
        {"type": "presence", "event": "left", "user": USER, "count": 0},
        {"type": "heartbeat", "at": 1},
        {"message": 1, "connectionId": "a", "requestId": "b"},
        changed(MESSAGE, message="x" * 131_072),
    ],
    ids=lambda frame: json.dumps(frame)[:80],
)
def test_rejects_other_frames_of_the_server(frame):
    with pytest.raises(AssertionError):
        CONTRACT.from_server(json.dumps(frame))


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "send"},
        {"action": "send", "message": 1, "clientId": 1},
        {"action": "send", "message": 1, "clientId": "x" * 65},
        {"action": "send", "message": 1, "ephemeral": None},
        {"action": "history", "limit": 101},
        {"action": "history", "limit": 1.5},
        {"action": "history", "before": ID, "after": ID},
        {"action": "enter", "after": "x"},
    ],
    ids=json.dumps,
)
def test_rejects_malformed_requests(frame):
    with pytest.raises(AssertionError):
        CONTRACT.from_client(json.dumps(frame))


def test_clients_may_receive_fields_that_a_later_version_adds():
    schema = {**copy.deepcopy(SCHEMAS["Presence"]), "components": DOCUMENT["components"]}
    frame = {"type": "presence", "event": "join", "user": {**USER, "color": "red"}, "count": 1, "later": True}
    assert jsonschema_rs.Draft7Validator(schema).is_valid(frame)
