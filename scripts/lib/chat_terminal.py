"""Runs a `Session` on a WebSocket, standard input and standard output, until the input ends or a signal comes."""

import asyncio
import contextlib
import os
import random
import time
from urllib.parse import urlsplit

from chat_input import QUEUE_LIMIT
from chat_session import Session
from chat_token import UnusableToken
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

# Twice the longest message that API Gateway delivers, in bytes.
RECEIVED_LIMIT = 2 * 131_072
# The longest pause between two attempts to connect, in seconds.
LONGEST_PAUSE = 30
# Answers to a handshake that a later attempt may not get.
BRIEF = (408, 425, 429)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class GaveUp(Exception):
    """The client ended without success; the text says why."""


class Terminal:
    """The client. `lines` is a `Lines`; `view` shows events; `wait` is how long it tries after the end of the input.

    `address` is called before each attempt to connect, and returns the address of the handshake.
    """

    def __init__(self, address, lines, view, in_flight, wait):
        self.session = Session(os.urandom(8).hex(), in_flight)
        self._address = address
        self._lines = lines
        self._view = view
        self._wait = wait
        self._failed = 0
        self._was_open = False
        # True if the last connection had completed its catch-up when it closed.
        self._was_useful = False
        self._has_ended = asyncio.Event()
        # Set when the sender may have work, and when the outbox may have room for the reader.
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self):
        """Returns when the input has ended and each of its messages was acknowledged. Raises GaveUp otherwise."""
        tasks = [asyncio.create_task(each) for each in (self._converse_until_done(), self._read(), self._expire())]
        try:
            # The reader ends without a result.
            pending = set(tasks)
            while not (tasks[0].done() or tasks[2].done()):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if lost := self._failed + self._lines.skipped:
            raise GaveUp(f"{lost} messages were not sent")

    async def _read(self):
        async for message in self._lines:
            self.session.submit(message)
            self._wake.set()
            while len(self.session.outbox) >= QUEUE_LIMIT:
                self._room.clear()
                await self._room.wait()
        self._has_ended.set()
        self._wake.set()

    async def _expire(self):
        await self._has_ended.wait()
        await asyncio.sleep(self._wait)
        raise GaveUp(f"{len(self.session.outbox)} messages were not acknowledged within {self._wait:g} s")

    async def _converse_until_done(self):
        attempt = 0
        while True:
            reason = await self._converse()
            if reason is None:
                return
            attempt = 0 if self._was_useful else attempt + 1
            # Full jitter: clients that were dropped together do not come back together.
            pause = random.uniform(0, min(LONGEST_PAUSE, 2.0**attempt))
            self._view.lost(reason, pause)
            await asyncio.sleep(pause)

    async def _converse(self):
        """Uses one connection to its end. Returns None when the client is done, else the reason for the end."""
        self._was_useful = False
        try:
            # API Gateway compresses nothing. Its clients ask with heartbeats, which also keep the connection open.
            options = {"compression": None, "ping_interval": None, "open_timeout": 20, "close_timeout": 2}
            url = self._address()
            proxy = None if urlsplit(url).hostname in LOOPBACK else True
            async with connect(url, max_size=RECEIVED_LIMIT, proxy=proxy, **options) as connection:
                self._was_open = True
                return await self._use(connection)
        except InvalidStatus as error:
            response = error.response
            body = response.body.decode(errors="replace").strip()[:200] if response.body else ""
            reason = f"the server answered {response.status_code} {body}".strip()
            if not self._was_open and 400 <= response.status_code < 500 and response.status_code not in BRIEF:
                raise GaveUp(reason) from error
            return reason
        except UnusableToken as error:
            if not self._was_open:
                raise GaveUp(str(error)) from error
            return str(error)
        except TimeoutError:
            return "the server did not answer in time"
        except (OSError, WebSocketException) as error:
            if not self._was_open:
                raise GaveUp(f"cannot connect: {error}") from error
            return str(error) or type(error).__name__

    async def _use(self, connection):
        self.session.opened(time.monotonic())
        # The sender ends when the client is done or the connection is dead, the receiver with the connection.
        tasks = [asyncio.create_task(self._send(connection)), asyncio.create_task(self._receive(connection))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task for task in tasks if task in done).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._was_useful = self.session.is_caught_up
            for event in self.session.lost():
                self._show(event)

    async def _receive(self, connection):
        try:
            while True:
                frame = await connection.recv()
                text = frame if isinstance(frame, str) else frame.decode(errors="replace")
                for event in self.session.received(text, time.monotonic()):
                    self._show(event)
                self._wake.set()
                self._room.set()
        except ConnectionClosed as closed:
            return f"closed with code {closed.rcvd.code}" if closed.rcvd else "no closing handshake"

    def _show(self, event):
        self._failed += event.kind == "failed"
        self._view.show(event)

    async def _send(self, connection):
        while True:
            self._wake.clear()
            for text in self.session.tick(time.monotonic()):
                try:
                    async with asyncio.timeout(20):
                        await connection.send(text)
                except TimeoutError:
                    return "the server does not read"
                except ConnectionClosed:
                    # The receiver reports why.
                    await asyncio.Event().wait()
            if self.session.is_dead:
                return "the server does not answer"
            if self._has_ended.is_set() and self.session.is_settled:
                return None
            await self._sleep()

    async def _sleep(self):
        """Waits until something happens or the session has something to do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, self.session.next_time - time.monotonic())):
                await self._wake.wait()
