"""Limits, moderation and least privilege of moderators, with the packaged zip behind the local API Gateway."""

import contextlib
import json
import os
import subprocess
import threading
import time

import pytest
from chat_client import ChatClient, address
from chat_support import unique
from conftest import ROOT, running_stack
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


@pytest.fixture
def room():
    return unique("room")


@pytest.fixture
def moderate(stack):
    """A function that runs scripts/moderate and returns its output, or its error for a status that is not 0."""

    def moderate(*arguments, status=0, environment=stack.environment):
        command = [ROOT / "scripts/moderate", *arguments]
        process = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        assert process.returncode == status, process.stderr
        return [json.loads(line) for line in process.stdout.splitlines()] if status == 0 else process.stderr

    return moderate


@contextlib.contextmanager
def people(stack, room, *names):
    """People with the key of their name, who have entered."""
    with contextlib.ExitStack() as clients:
        found = [clients.enter_context(ChatClient(stack.websocket_url, room, name, f"key-{name}")) for name in names]
        for client in found:
            client.enter()
        for client in found:
            client.quiet()
        yield found


def is_refused(stack, room, name):
    with contextlib.suppress(InvalidStatus), connect(
        address(stack.websocket_url, room=room, key=f"key-{name}"), proxy=None
    ):
        return False
    return True


def expect_closed(client):
    with pytest.raises(ConnectionClosed):
        while True:
            client.receive(timeout=10)


def test_a_deleted_message_leaves_history_and_screens(stack, room, moderate):
    with people(stack, room, "Ann", "Bob") as (ann, bob):
        ann.send("a number")
        message = bob.next("message")
        assert moderate("delete", room, message["id"], "--reason", "number") == [{"deleted": True, "told": 2}]
        assert bob.next("deleted") == {"type": "deleted", "id": message["id"]}
        assert ann.next("deleted")["id"] == message["id"]
        assert bob.history()["messages"] == []
        assert moderate("delete", room, message["id"]) == [{"deleted": False, "told": 2}]
        assert moderate("delete", unique("other"), message["id"]) == [{"deleted": False, "told": 0}]


def test_a_person_is_disconnected_from_a_room_or_altogether(stack, room, moderate):
    other = unique("room")
    with people(stack, room, "Ann", "Bob") as (ann, bob), people(stack, other, "Ann") as (elsewhere,):
        assert moderate("disconnect", ann.you["id"], "--room", room) == [{"disconnected": 1}]
        expect_closed(ann)
        assert bob.next("presence") == {"type": "presence", "event": "leave", "user": ann.you, "count": 1}
        assert elsewhere.who()["count"] == 1
        assert moderate("disconnect", ann.you["id"]) == [{"disconnected": 1}]
        expect_closed(elsewhere)
        assert not is_refused(stack, room, "Ann")


def test_a_banned_person_stays_out_until_the_end_of_the_ban(stack, room, moderate):
    with people(stack, room, "Eve", "Bob") as (eve, bob):
        [result] = moderate("ban", eve.you["id"], "--room", room, "--for", "1h")
        assert result["disconnected"] == 1
        expect_closed(eve)
        bob.next("presence")
        assert is_refused(stack, room, "Eve")
        assert not is_refused(stack, unique("room"), "Eve")
        moderate("ban", eve.you["id"], "--for", "3s")
        started = time.monotonic()
        assert is_refused(stack, unique("room"), "Eve")
        while is_refused(stack, unique("room"), "Eve"):
            assert time.monotonic() < started + 30
            time.sleep(0.5)
        assert is_refused(stack, room, "Eve"), "the ban from the room is another one"
        moderate("unban", eve.you["id"], "--room", room)
        assert not is_refused(stack, room, "Eve")


def test_list_and_audit(stack, room, moderate):
    with people(stack, room, "Ann", "Bob") as (ann, _):
        rows = moderate("list", room)
        assert {row["name"] for row in rows} == {"Ann", "Bob"}
        assert ann.you["id"] in {row["user"] for row in rows}
        moderate("disconnect", "unknown", "--room", room, "--reason", "test\n\u202e")
        entry = next(entry for entry in moderate("audit") if entry.get("room") == room)
        assert entry.keys() == {"id", "at", "by", "command", "room", "user", "reason"}
        assert (entry["command"], entry["user"], entry["reason"]) == ("disconnect", "unknown", "test\n\u202e")
        assert entry["by"].startswith("arn:aws:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("delete", "a room", "x"), "room must be"),
        (("delete", "r", "x"), "id must be"),
        (("disconnect", ""), "user must be"),
        (("--stack-name", "none", "list", "r"), "no stack none"),
    ],
)
def test_what_is_malformed_is_refused(moderate, arguments, message):
    assert message in moderate(*arguments, status=1)


def test_a_role_without_the_right_is_refused(stack, room, moderate):
    iam = stack.client("iam")
    user = unique("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    environment = {
        **stack.environment,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    function = stack.resource("ModerateFunction")
    command = ("--function", function, "list", room)
    assert "AccessDenied" in moderate(*command, status=1, environment=environment)
    allowed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"arn:aws:lambda:*:*:function:{function}"}],
    }
    iam.put_user_policy(UserName=user, PolicyName="moderator", PolicyDocument=json.dumps(allowed))
    assert moderate(*command, environment=environment) == []


@pytest.fixture(scope="module")
def limited_stack(code, tmp_path_factory):
    """A chat with a low limit: the local AWS runs the messages of one connection one after the other, far below 200 a second."""
    limit = ("--parameter", "MessagesPerSecond=1", "--parameter", "MessagesBurst=2")
    with running_stack(tmp_path_factory.mktemp("dev"), "--zip", code, *limit) as stack:
        yield stack


def flood(client, seconds, per_second, accepted):
    """Sends messages at a rate until the connection ends, and returns whether it did."""
    started = time.monotonic()
    number = 0
    try:
        while time.monotonic() < started + seconds:
            client.send_text(json.dumps({"action": "send", "clientId": str(number), "message": number}))
            number += 1
            time.sleep(max(0, started + number / per_second - time.monotonic()))
    except ConnectionClosed:
        return True
    finally:
        accepted.append(number)
    return False


def test_a_flooder_gets_its_limit_and_then_the_door(limited_stack, room):
    """Others are served as without it."""
    with contextlib.ExitStack() as clients:
        audience = [
            clients.enter_context(ChatClient(limited_stack.websocket_url, room, f"n{number}", f"k{number}"))
            for number in range(50)
        ]
        flooder = clients.enter_context(ChatClient(limited_stack.websocket_url, room, "Eve", "eve"))
        delays = {"before": [], "during": []}
        sent = []
        thread = threading.Thread(target=lambda: sent.append(flood(flooder, 60, 200, [])))

        def measure(name, count):
            for _ in range(count):
                started = time.monotonic()
                audience[0].send(name)
                audience[-1].next("message", timeout=30, where=lambda frame: frame["message"] == name)
                delays[name].append(time.monotonic() - started)
                time.sleep(1.2)

        measure("before", 3)
        thread.start()
        measure("during", 5)
        frames = [json.loads(text) for text in flooder.frames]
        with contextlib.suppress(ConnectionClosed):
            while True:
                frames.append(json.loads(flooder.receive(timeout=60)))
        thread.join()
        errors = [frame for frame in frames if frame["type"] == "error"]
        assert sent == [True], "the flooder was disconnected"
        # Ten bursts.
        assert len(errors) >= 20
        assert {error["code"] for error in errors} == {"rate_limited"}
        assert all(error["retryAfterMs"] > 0 for error in errors)
        heard = [json.loads(text) for text in audience[1].quiet(1)]
        posts = [frame for frame in heard if frame.get("from", {}).get("name") == "Eve"]
        seconds = 60
        assert 2 <= len(posts) <= 2 + seconds
        assert sorted(delays["during"])[2] < 3 * sorted(delays["before"])[1] + 1
