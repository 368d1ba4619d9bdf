"""Standard input of scripts/chat."""

import asyncio
import contextlib
import os
import threading

# The largest frame that the chat accepts, in bytes, less what a frame has besides its message.
MESSAGE_LIMIT = 32_768 - 100
TOO_LONG = f"it exceeds {MESSAGE_LIMIT} bytes of JSON"
# Lines that wait to be sent. Further ones are not read.
QUEUE_LIMIT = 64


class Lines:
    """The lines of standard input as messages in JSON: an asynchronous iterator, fed by a thread.

    `encode` returns a line's JSON, or None for a line without a message; it raises ValueError for a line that cannot be
    sent. `say` is called with the reason, and `skipped` counts such lines.
    """

    def __init__(self, descriptor, encode, say):
        self._descriptor = descriptor
        self._encode = encode
        self._say = say
        self.skipped = 0
        self._queue = asyncio.Queue(maxsize=QUEUE_LIMIT)
        self._loop = asyncio.get_running_loop()
        # A daemon: a read of a terminal cannot be interrupted.
        threading.Thread(target=self._read, daemon=True).start()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if (message := await self._queue.get()) is None:
            raise StopAsyncIteration
        return message

    def _read(self):
        # RuntimeError: the event loop is closed.
        with contextlib.suppress(RuntimeError):
            for line in self._lines():
                try:
                    message = self._encode(line.decode(errors="replace"))
                except ValueError as error:
                    self._skip(error)
                    continue
                if message is not None:
                    self._put(message)
            self._put(None)

    def _skip(self, reason):
        self.skipped += 1
        self._say(f"a line was not sent: {reason}")

    def _put(self, message):
        asyncio.run_coroutine_threadsafe(self._queue.put(message), self._loop).result()

    def _lines(self):
        """Yields lines without their ends. A line that is longer than a message can be is skipped."""
        line, skips = b"", False
        while chunk := os.read(self._descriptor, 65536):
            *complete, rest = (line + chunk).split(b"\n")
            for each in complete:
                if not skips and len(each) <= MESSAGE_LIMIT:
                    yield each.removesuffix(b"\r")
                else:
                    self._skip(TOO_LONG)
                skips = False
            line, skips = (rest, skips) if len(rest) <= MESSAGE_LIMIT else (b"", True)
        if line and not skips:
            yield line
