"""Delivery to large rooms by the function `deliver`: the packaged zip in the local AWS, with each role enforced."""

import contextlib
import json
import os
import random
import re
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
# Rows that make the room one of two ranges. Few, because the local AWS sorts all of a room's rows for each page.
EXPIRED = 1100
# With these too, a third of the room is a page.
MORE_EXPIRED = 1600
# One message to the crowd takes 20 s, a page about 7, and a worker posts for 16.
SLOW = {"PostsPerSecond": "3", "DeliverTimeout": "20"}


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
    # Other clients of the room have left.
    eventually(lambda: len(open_connections(large_stack)), PEOPLE)
    large_room.clear()
    large_stack.output()
    yield large_room
    print(large_stack.output())


@pytest.fixture(scope="module")
def slow(large_stack, large_room, code):
    """Deliveries that take longer than a worker has, for all tests that follow."""
    put_expired_rows(large_stack, large_room.room, MORE_EXPIRED)
    large_stack.update(code, SLOW)


def open_connections(stack):
    """Returns the rows of the table that have not expired."""
    return [row for row in stack.rows().values() if int(row["expiresAt"]["N"]) > time.time()]


def leases(stack):
    """Returns the leases that are in force."""
    rows = rows_of(stack, "delivery:")
    return [row for row in rows if int(row["until"]["N"]) > time.time() * 1000]


def rows_of(stack, partition):
    """Returns the rows of deliveries whose partition begins with a text."""
    items = stack.items(stack.messages_table_name)
    return [item for item in items if item["room"]["S"].startswith(partition)]


def publish(stack, *messages, room):
    """Publishes messages, and returns their ids."""
    events = [{"room": room, "message": message} for message in messages]
    function = stack.resource("PublishFunction")
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(events))
    answers = json.load(answer["Payload"])["messages"]
    assert all(each.get("handedOver") for each in answers), answers
    return [each["id"] for each in answers]


def expect_all(crowd, ids, copies=1, seconds=60):
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
    assert crowd.frames == {"message": 2 * PEOPLE, "raw": PEOPLE}
    eventually(lambda: (leases(large_stack), rows_of(large_stack, "queue:"), rows_of(large_stack, "round:")), ([], [], []))


def test_a_room_is_split_into_ranges(large_stack, crowd):
    started = time.time() * 1000
    output = ""

    def reached():
        """Returns the number of people that each worker counted in its range."""
        nonlocal output
        output += large_stack.output()
        metrics = [json.loads(line) for line in re.findall(r"^deliver: (\{.*\"Slow\".*\})$", output, re.MULTILINE)]
        # The lines of the last test may arrive late.
        return [each["Reached"] for each in metrics if each["_aws"]["Timestamp"] >= started]

    [published] = publish(large_stack, "in ranges", room=crowd.room)
    expect_all(crowd, [published])
    counts = eventually(reached, lambda counts: len(counts) == 2, 20)
    print(f"reached in ranges: {counts}")
    assert sum(counts) == PEOPLE


def test_messages_of_a_busy_room_are_gathered_in_order(large_stack, crowd):
    ids = publish(large_stack, *range(20), room=crowd.room)
    assert expect_all(crowd, ids) == 0
    assert all(heard == ids for heard in crowd.heard)
    frames = sum(crowd.frames.values()) / PEOPLE
    print(f"{frames:.0f} frames to each person for 20 messages")
    assert frames < 15


def test_a_worker_hands_on_what_it_cannot_finish(large_stack, crowd, slow):
    started = time.monotonic()
    [published] = publish(large_stack, "slowly", room=crowd.room)
    # A worker continues after the last person whose post has ended.
    repeated = expect_all(crowd, [published], copies=2, seconds=90)
    seconds = time.monotonic() - started
    print(f"{repeated} of {PEOPLE} repeated, {seconds:.1f} s")
    assert repeated < 5
    assert seconds > 12
    output = large_stack.output()
    assert "The invocation failed." not in output, output


def kill_workers(stack):
    for process in processes_of(stack, "DeliverFunction"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_killed_workers_leave_out_no_connection(large_stack, crowd, slow):
    [published] = publish(large_stack, "repeated", room=crowd.room)
    for _ in range(2):
        eventually(lambda: processes_of(large_stack, "DeliverFunction"), bool, 20)
        time.sleep(random.uniform(1, 4))
        kill_workers(large_stack)
    repeated = expect_all(crowd, [published], copies=3, seconds=90)
    print(f"{repeated} of {PEOPLE} repeated")


class DeadLetters:
    """The dead-letter queue of `deliver`, and scripts/redrive."""

    def __init__(self, stack):
        self.stack = stack
        self.queue = stack.resource("DeliverDeadLetterQueue")

    def count(self, queue=None):
        """Returns the number of messages in a queue, those included that a reader has received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self.stack.client("sqs")
        attributes = sqs.get_queue_attributes(QueueUrl=queue or self.queue, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def redrive(self, *options):
        """Runs scripts/redrive and returns its output, its errors and its status."""
        environment = {**os.environ, **self.stack.environment}
        command = [ROOT / "scripts/redrive", *options]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return ended.stdout, ended.stderr, ended.returncode


@pytest.fixture
def dead_letters(large_stack):
    dead_letters = DeadLetters(large_stack)
    # What another test has left, if it failed.
    large_stack.client("sqs").purge_queue(QueueUrl=dead_letters.queue)
    return dead_letters


def test_a_worker_that_fails_for_good_is_kept_and_continued_by_redrive(large_stack, crowd, slow, dead_letters):
    [published] = publish(large_stack, "in two parts", room=crowd.room)
    eventually(lambda: sum(crowd.copies(published)), bool, 20)
    # Lambda repeats the event twice.
    while not dead_letters.count():
        kill_workers(large_stack)
        time.sleep(0.3)
    before = crowd.copies(published)
    assert 0 in before
    assert dead_letters.redrive() == ("1 started again, 0 left\n", "", 0)
    repeated = expect_all(crowd, [published], copies=4, seconds=90)
    print(f"{sum(map(bool, before))} had it before, {repeated} repeated")
    assert dead_letters.count() == 0


def test_a_start_that_fails_for_good_is_kept_and_repeated_by_redrive(large_stack, crowd, slow, dead_letters):
    assert dead_letters.redrive() == ("0 started again, 0 left\n", "", 0)
    # The first write of a start.
    with without(large_stack, "deliver", "dynamodb:PutItem"):
        [published] = publish(large_stack, "in the end", room=crowd.room)
        eventually(dead_letters.count, 1, 30)
    assert crowd.copies(published) == [0] * PEOPLE
    assert dead_letters.redrive() == ("1 started again, 0 left\n", "", 0)
    expect_all(crowd, [published], copies=2, seconds=90)
    assert dead_letters.count() == 0


def test_redrive_leaves_what_is_no_event(large_stack, dead_letters):
    sqs = large_stack.client("sqs")
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    event = '{"room":"empty"}'
    for body in ("no JSON", "5", '{"requestContext":{}}', event, f'{{"requestContext":{{}},"requestPayload":{event}}}'):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    output, errors, status = dead_letters.redrive("--queue", queue)
    assert (output, status) == ("2 started again, 3 left\n", 1)
    assert errors.count("holds no event") == 3
    assert dead_letters.count(queue) == 3
    assert "no stack none" in dead_letters.redrive("--stack-name", "none")[1]
