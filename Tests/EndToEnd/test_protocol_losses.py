"""Nothing is missed and nothing comes twice: cut connections, a local AWS that stops, functions that are killed."""

import contextlib
import json
import os
import random
import signal
import threading
import time
import uuid

import pytest
from boto3.dynamodb.types import TypeDeserializer
from chat_client import ChatClient
from chat_rules import milliseconds_of
from page_support import eventually, stopped
from stack_faults import processes_of

WRITERS = ("Ann", "Bob")


@pytest.fixture
def room():
    return f"losses-{uuid.uuid4()}"


class Conversation:
    """Two writers at full speed and a reader, each a scripts/chat. The reader connects through the proxy."""

    def __init__(self, stack, proxy, terminal, room):
        self.stack = stack
        self.room = room
        options = ("--json", "--no-key", "--room", room)
        self.reader = terminal(*options, "--name", "Reader", "--listen", proxy.url)
        eventually(lambda: len(self.reader.frames("entered")), 1, 60)
        self.writers = [
            terminal(*options, "--name", name, "--in-flight", "2", "--wait", "180", stack.websocket_url)
            for name in WRITERS
        ]
        self.written = dict.fromkeys(WRITERS, 0)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=each) for each in zip(WRITERS, self.writers, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, name, writer):
        acknowledged = 0
        with writer.files[0].open() as output:
            while not self._stop.is_set():
                acknowledged += output.read().count(f'"name":"{name}"}},"at"')
                # Twice the number in flight: the writer never waits for a line.
                if self.written[name] < acknowledged + 4:
                    writer.write(f"{self.written[name]}\n")
                    self.written[name] += 1
                else:
                    time.sleep(0.01)

    def finish(self):
        """Ends the writers, whose messages are all acknowledged then."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert [writer.finish(240) for writer in self.writers] == [0, 0]

    def kept(self):
        """Returns the kept messages as in the table."""
        table = self.stack.environment["MESSAGES_TABLE_NAME"]
        pages = (
            self.stack.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                KeyConditionExpression="room = :room",
                ExpressionAttributeValues={":room": {"S": self.room}},
                ConsistentRead=True,
            )
        )
        frames = [TypeDeserializer().deserialize(item["frame"]) for page in pages for item in page["Items"]]
        return [json.loads(frame) for frame in frames]

    def check(self, repeats=False):
        """Checks that every message was kept, and that the reader has exactly the kept ones, once each, in their order.

        `repeats`: a message may have been kept twice, because it was in flight when its writer sent it again.
        """
        kept = self.kept()
        for name in WRITERS:
            numbers = [frame["message"] for frame in kept if frame["from"]["name"] == name]
            assert sorted(set(numbers) if repeats else numbers) == list(range(self.written[name]))
        eventually(lambda: len(self.reader.frames()), lambda count: count >= len(kept), 120)
        assert sorted(self.reader.frames(), key=lambda frame: frame["id"]) == kept


def test_a_reader_whose_connection_is_cut_30_times_has_every_message_once(stack, proxy, terminal, room):
    conversation = Conversation(stack, proxy, terminal, room)
    for number in range(30):
        # Connected again; the catch-up may still be running.
        eventually(lambda: len(conversation.reader.frames("entered")), lambda count, least=number: count > least, 120)
        time.sleep(random.uniform(0, 0.5))
        proxy.drop()
    conversation.finish()
    conversation.check()


def test_nothing_is_missed_while_the_local_aws_stops_for_20_seconds(stack, proxy, terminal, room):
    conversation = Conversation(stack, proxy, terminal, room)
    eventually(lambda: len(conversation.reader.frames()), lambda count: count > 20, 120)
    with stopped(stack):
        time.sleep(20)
    seen = len(conversation.reader.frames())
    eventually(lambda: len(conversation.reader.frames()), lambda count: count > seen + 20, 180)
    conversation.finish()
    conversation.check(repeats=True)


def messages(texts):
    """Returns the ids of the messages among the frames."""
    return [json.loads(text)["id"] for text in texts if '"type":"message"' in text]


@contextlib.contextmanager
def few_posts_at_a_time(stack):
    """With the usual 64, all posts of a broadcast to fewer people are in flight at once."""
    functions = stack.client("lambda")
    name = stack.resource("SendFunction")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    slow = {**variables, "BROADCAST_CONCURRENCY": "2"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": slow})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_nothing_is_missed_when_functions_are_killed_in_the_middle_of_a_broadcast(stack, proxy, terminal, room):
    with contextlib.ExitStack() as opened:
        opened.enter_context(few_posts_at_a_time(stack))
        crowd = [opened.enter_context(ChatClient(stack.websocket_url, room)) for _ in range(60)]
        conversation = Conversation(stack, proxy, terminal, room)
        cut_short = 0
        for _ in range(3):
            for client in crowd:
                client.quiet(0.01)
            started = time.time()
            first = crowd[0].text_of("message", 120, lambda frame: started < milliseconds_of(frame["id"]) / 1000)
            killed = time.time()
            for process in processes_of(stack, "SendFunction"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            # After this, no process is left that would continue the delivery of an earlier message.
            time.sleep(1)
            crowd[0].frames.append(first)
            heard = [
                {each for each in messages(client.quiet(0.01)) if started < milliseconds_of(each) / 1000 < killed}
                for client in crowd
            ]
            cut_short += set.union(*heard) != set.intersection(*heard)
        conversation.finish()
        assert cut_short > 0
    # The next catch-up has what no delivery brought.
    proxy.drop()
    conversation.check(repeats=True)
