"""Messages that a client of the chat sends: docs/protocol.md, "Sending once"."""

import collections
import enum
import itertools
from dataclasses import dataclass

# Seconds after which a message without an answer may be lost.
ANSWER_WITHIN = 15
# Seconds to wait for the other answers after API Gateway has reported that one message failed.
HURRY = 3
# The longest pause before a refused message is sent again, in seconds; and the longest that the server may request.
LONGEST_PAUSE = 30
LONGEST_REQUESTED_PAUSE = 60
RETRIED = ("unavailable", "rate_limited")


class State(enum.Enum):
    WAITING = enum.auto()
    SENT = enum.auto()
    # It may have been kept: a catch-up must look for it before it is sent again.
    DOUBTFUL = enum.auto()
    # The catch-up that looks for it is running.
    SOUGHT = enum.auto()


@dataclass
class Entry:
    """A message. `message` is its JSON; `time` is the earliest time to send it or, once sent, to time out."""

    client_id: str
    message: str
    state: State = State.WAITING
    time: float = 0
    refusals: int = 0


class Outbox:
    """Messages in the order in which they were given. Performs no I/O and reads no clock.

    At most `in_flight` are sent and not acknowledged; with 1, they arrive in order.
    """

    def __init__(self, prefix, in_flight):
        self.in_flight = in_flight
        self._prefix = prefix
        self._number = 0
        self._entries = collections.OrderedDict()

    def __len__(self):
        return len(self._entries)

    def add(self, message):
        self._number += 1
        entry = Entry(f"{self._prefix}-{self._number}", message)
        self._entries[entry.client_id] = entry

    def next(self, now):
        """Returns the messages that may be sent now, and marks them as sent."""
        ready = [entry for entry in self._window if entry.state is State.WAITING and entry.time <= now]
        for entry in ready:
            entry.state, entry.time = State.SENT, now + ANSWER_WITHIN
        return ready

    def acknowledge(self, client_id):
        """Removes a message that the server has delivered to this client."""
        self._entries.pop(client_id, None)

    def refuse(self, client_id, code, now, retry_after=None):
        """Records an error. Returns whether the message failed for good and was removed.

        `retry_after`: the seconds after which the server accepts the message, if it said so.
        """
        entry = self._entries.get(client_id)
        if not entry:
            return False
        if code not in RETRIED:
            del self._entries[client_id]
            return True
        if code == "rate_limited" and retry_after is not None:
            pause = min(LONGEST_REQUESTED_PAUSE, retry_after)
        else:
            pause = min(LONGEST_PAUSE, 2.0**entry.refusals)
            entry.refusals += 1
        # `unavailable` can mean that the answer of the table was lost.
        entry.state = State.DOUBTFUL if code == "unavailable" else State.WAITING
        entry.time = now + pause
        return False

    def doubt(self):
        """Records that the connection was lost."""
        for entry in self._window:
            if entry.state in (State.SENT, State.SOUGHT):
                entry.state = State.DOUBTFUL

    def expire(self, now):
        """Marks messages that were not answered in time as doubtful. Returns whether any message is doubtful."""
        for entry in self._window:
            if entry.state is State.SENT and now >= entry.time:
                entry.state = State.DOUBTFUL
        return any(entry.state is State.DOUBTFUL for entry in self._window)

    def hurry(self, now):
        """Records that a request failed, perhaps one of these messages."""
        for entry in self._window:
            if entry.state is State.SENT:
                entry.time = min(entry.time, now + HURRY)

    def seek(self):
        """Records that a catch-up begins, which finds the doubtful messages that were kept."""
        for entry in self._window:
            if entry.state is State.DOUBTFUL:
                entry.state = State.SOUGHT

    def sought(self):
        """Records that the catch-up is complete: messages that it did not find are sent again."""
        for entry in self._window:
            if entry.state is State.SOUGHT:
                entry.state = State.WAITING

    @property
    def due_at(self):
        """The time of the next change that `next` or `expire` would make, or None."""
        times = [entry.time for entry in self._window if entry.state in (State.WAITING, State.SENT)]
        return min(times, default=None)

    @property
    def _window(self):
        return list(itertools.islice(self._entries.values(), self.in_flight))
