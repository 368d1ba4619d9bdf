"""Many WebSocket clients in one room, on one thread."""

import asyncio
import collections
import json
import threading
import time

from chat_client import CONTRACT, address
from websockets.asyncio.client import connect

# Handshakes at a time: each is an invocation, and a process if it runs beside others.
HANDSHAKES = 4


class Crowd:
    """Connections to one room. Records every message that each receives, with the time, and answers nothing."""

    def __init__(self, url, room, count):
        self.room = room
        self._url = address(url, room=room)
        self._loop = asyncio.new_event_loop()
        self._connections = []
        self._frames = collections.Counter()
        # For each connection the ids of its messages, in the order of arrival.
        self.heard = []
        # The first and the last time at which a message arrived, by id.
        self.first, self.last = {}, {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._open(count))

    def __len__(self):
        return len(self._connections)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def clear(self):
        """Forgets what was heard."""
        self._run(self._clear())

    def wait_for(self, ids, seconds=30):
        """Waits until every connection has each of the messages. Returns the number of connections that have all."""
        deadline = time.monotonic() + seconds
        while (complete := sum(set(ids) <= set(heard) for heard in self.heard)) < len(self):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return complete

    def copies(self, message_id):
        """Returns how often each connection has a message."""
        return [heard.count(message_id) for heard in self.heard]

    @property
    def frames(self):
        """The number of frames by type, of all connections together."""
        return dict(self._frames)

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _clear(self):
        for heard in self.heard:
            heard.clear()
        self._frames.clear()

    async def _open(self, count):
        turns = asyncio.Semaphore(HANDSHAKES)

        async def open_one():
            async with turns:
                options = {"compression": None, "ping_interval": None, "max_size": None, "proxy": None}
                connection = await connect(self._url, open_timeout=60, **options)
            self._connections.append(connection)
            self.heard.append([])
            self._tasks.append(asyncio.ensure_future(self._read(connection, self.heard[-1])))

        self._tasks = []
        await asyncio.gather(*(open_one() for _ in range(count)))

    async def _read(self, connection, heard):
        async for text in connection:
            frame = json.loads(text)
            kind = frame.get("type", "raw") if isinstance(frame, dict) else "raw"
            if not self._frames[kind]:
                # One of each type: validation takes more time than all else here.
                CONTRACT.from_server(text)
            self._frames[kind] += 1
            now = time.monotonic()
            for message in frame["messages"] if kind == "messages" else [frame]:
                message_id = message["id"] if kind in ("message", "messages") else text
                heard.append(message_id)
                self.first.setdefault(message_id, now)
                self.last[message_id] = now

    async def _close(self):
        await asyncio.gather(*(connection.close() for connection in self._connections))
        await asyncio.gather(*self._tasks)
