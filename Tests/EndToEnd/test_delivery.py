"""Delivery to large rooms by the function `deliver`: the packaged zip in the local AWS, with each role enforced."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time

import pytest
from chat_client import ChatClient
from chat_support import put_expired_rows, unique
from conftest import ROOT, UNLIMITED, running_stack
from crowd import Crowd
from page_support import eventually
from stack_faults import processes_of, without

PEOPLE = 60
# Rows that make the room one of four ranges.
EXPIRED = 3200
# Posts a second at which one message to the crowd takes about twelve seconds.
SLOW = {"PostsPerSecond": "5", "DeliverTimeout": "10"}
USUAL = {"PostsPerSecond": "8000", "DeliverTimeout": "900"}


@pytest.fixture(scope="module")
def large_stack(code, tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("dev"), "--zip", code, *UNLIMITED) as stack:
        # Expired rows stay.
        stack.client("dynamodb").update_time_to_live(
            TableName=stack.table_name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expiresAt"}
        )
        yield stack


@pytest.fixture(scope="module")
def large_room(large_stack):
    room = unique("large")
    put_expired_rows(large_stack, room, EXPIRED)
    with Crowd(large_stack.websocket_url, room, PEOPLE) as crowd:
        yield crowd


@pytest.fixture
def crowd(large_stack, large_room):
    """The large room, in which no delivery is in progress. Prints the functions' logs, which pytest shows on failure."""
    eventually(lambda: leases(large_stack), [])
    large_room.clear()
    large_stack.output()
    yield large_room
    print(large_stack.output())


@pytest.fixture
def slow(large_stack, code):
    """Deliveries that take seconds, and workers that have eight of them."""
    large_stack.update(code, SLOW)
    yield
    large_stack.update(code, USUAL)


def leases(stack):
    """Returns the leases that are in force."""
    rows = rows_of(stack, "delivery:")
    return [row for row in rows if int(row["until"]["N"]) > time.time() * 1000]


def rows_of(stack, partition):
    """Returns the rows of deliveries whose partition begins with a text."""
    items = stack.client("dynamodb").scan(TableName=stack.messages_table_name, ConsistentRead=True)["Items"]
    return [item for item in items if item["room"]["S"].startswith(partition)]


def publish(stack, *messages, room):
    """Publishes messages, and returns their ids."""
    events = [{"room": room, "message": message} for message in messages]
    function = stack.resource("PublishFunction")
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(events))
    answers = json.load(answer["Payload"])["messages"]
    assert all(each.get("handedOver") for each in answers), answers
    return [each["id"] for each in answers]


def expect_all(crowd, ids, copies=1, seconds=30):
    """Checks that everyone has each message, at least once and at most `copies` times, and returns the number of repetitions."""
    assert crowd.wait_for(ids, seconds) == len(crowd)
    counts = [count for message_id in ids for count in crowd.copies(message_id)]
    assert max(counts) <= copies
    return sum(counts) - len(counts)


def test_everyone_has_a_message_of_any_sender_once(large_stack, crowd):
    with ChatClient(large_stack.websocket_url, crowd.room, "Ann", "ann") as ann:
        ann.send("to all", client_id="1")
        message = ann.next("message", 30)
        assert (message["clientId"], message["from"]["name"]) == ("1", "Ann")
        ann.send_text('{"seed": true}')
        [published] = publish(large_stack, "from a backend", room=crowd.room)
        expect_all(crowd, [message["id"], '{"seed": true}', published])
        kept = [each["id"] for each in ann.history()["messages"]]
        assert kept == [message["id"], published]
    # Four workers served each round, together everyone.
    assert crowd.frames == {"message": 2 * PEOPLE, "raw": PEOPLE}
    eventually(lambda: (leases(large_stack), rows_of(large_stack, "queue:"), rows_of(large_stack, "round:")), ([], [], []))


def test_a_room_is_split_into_ranges(large_stack, crowd):
    [published] = publish(large_stack, "in ranges", room=crowd.room)
    expect_all(crowd, [published])
    # Each worker logs the results of its range.
    text = ""
    deadline = time.monotonic() + 10
    while (ranges := text.count('"expired"') or text.count("expired")) < 4 and time.monotonic() < deadline:
        time.sleep(0.2)
        text += large_stack.output()
    print(text)
    assert ranges == 4


def test_messages_of_a_busy_room_are_gathered_in_order(large_stack, crowd):
    ids = publish(large_stack, *range(100), room=crowd.room)
    assert expect_all(crowd, ids) == 0
    assert all(heard == ids for heard in crowd.heard)
    frames = sum(crowd.frames.values()) / PEOPLE
    print(f"{frames:.0f} frames to each person for 100 messages")
    assert frames < 50


def test_a_worker_hands_on_what_it_cannot_finish(large_stack, crowd, slow):
    started = time.monotonic()
    [published] = publish(large_stack, "slowly", room=crowd.room)
    repeated = expect_all(crowd, [published], copies=2, seconds=60)
    seconds = time.monotonic() - started
    print(f"{repeated} of {PEOPLE} twice, {seconds:.1f} s")
    # The second invocation starts with the page in which the first one stopped.
    assert repeated <= PEOPLE / 4
    assert seconds > 8


def test_nobody_is_missed_if_workers_are_killed(large_stack, crowd, slow):
    [published] = publish(large_stack, "unharmed", room=crowd.room)
    for _ in range(2):
        eventually(lambda: processes_of(large_stack, "DeliverFunction"), bool, 20)
        time.sleep(random.uniform(1, 4))
        for process in processes_of(large_stack, "DeliverFunction"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    repeated = expect_all(crowd, [published], copies=3, seconds=60)
    print(f"{repeated} of {PEOPLE} repeated")


def test_what_fails_for_good_is_kept_and_delivered_by_redrive(large_stack, crowd):
    queue = large_stack.resource("DeliverDeadLetterQueue")
    count = lambda: int(
        large_stack.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])[
            "Attributes"
        ]["ApproximateNumberOfMessages"]
    )
    redrive = lambda: subprocess.run(
        [ROOT / "scripts/redrive"],
        env={**os.environ, **large_stack.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert redrive().stdout == "0 started again, 0 left\n"
    # The workers cannot post.
    with without(large_stack, "deliver", "execute-api:ManageConnections"):
        [published] = publish(large_stack, "in the end", room=crowd.room)
        eventually(count, lambda number: number > 0, 30)
        # All of its ranges.
        time.sleep(2)
    failed = count()
    assert crowd.copies(published) == [0] * PEOPLE
    ended = redrive()
    assert (ended.stdout, ended.returncode) == (f"{failed} started again, 0 left\n", 0), ended.stderr
    assert expect_all(crowd, [published]) == 0
    assert count() == 0


def test_redrive_leaves_what_is_no_event(large_stack):
    sqs = large_stack.client("sqs")
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    bodies = ["no JSON", "5", '{"requestContext":{}}', '{"room":"lobby"}', '{"requestContext":{},"requestPayload":{"room":"lobby"}}']
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    command = [ROOT / "scripts/redrive", "--queue", queue]
    ended = subprocess.run(
        command, env={**os.environ, **large_stack.environment}, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.returncode) == ("2 started again, 3 left\n", 1)
    assert ended.stderr.count("holds no event") == 3
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert sum(int(each) for each in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values()) == 3
