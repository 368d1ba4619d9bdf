"""One person in one room of the chat, on a connection that may be lost and opened again: docs/protocol.md.

Performs no I/O and reads no clock: times are seconds of a monotonic clock, given by the caller.
"""

import json
from dataclasses import dataclass

from chat_catch_up import CatchUp
from chat_json import elements, members
from chat_outbox import Outbox

# Seconds of silence after which a heartbeat is sent. API Gateway closes a connection after 10 minutes of it.
SILENCE = 30
# Seconds within which a heartbeat or another request is answered, if the connection is alive.
ANSWER_WITHIN = 15
# The maximum number of connections replaced after an unanswered heartbeat, if no heartbeat was ever answered: the
# server may not support heartbeats.
REPLACEMENTS = 2
# The maximum number of messages held until the end of a catch-up, so that they are shown in order.
HELD_LIMIT = 1000
LONGEST_PAUSE = 30
TYPES = ("message", "messages", "deleted", "entered", "history", "presence", "who", "error", "heartbeat")


@dataclass
class Event:
    """An event to show. `raw` is the JSON; `fields` are its parsed values, except `message`, which stays JSON.

    kind: a type of the protocol, `ephemeral`, `other` (JSON without a sender), or `failed` (a message of this client).
    """

    kind: str
    raw: str
    fields: dict


class Session:
    """Call `tick` after every other method, and at `next_time`."""

    def __init__(self, prefix, in_flight=1):
        self.you = None
        self.outbox = Outbox(prefix, in_flight)
        # The connection must be replaced: it does not answer.
        self.is_dead = False
        # True after the catch-up that follows a connect.
        self.is_caught_up = False
        self._catch_up = CatchUp()
        self._frames = []
        self._held = []
        self._is_open = False
        self._asked_at = None
        self._refusals = 0
        self._heard_at = 0.0
        self._heartbeat_at = None
        self._answers_heartbeats = False
        self._replaced = 0

    @property
    def is_settled(self):
        """True if the client is caught up, and each of its messages was answered."""
        return self.is_caught_up and len(self.outbox) == 0

    def submit(self, message):
        """Sends a message, given as JSON."""
        self.outbox.add(message)

    def opened(self, now):
        self._is_open, self.is_dead, self.is_caught_up = True, False, False
        self._heard_at, self._heartbeat_at, self._refusals = now, None, 0
        self._frames = []
        self.outbox.seek()
        self._ask(self._catch_up.start(), now)

    def lost(self):
        """Records the end of the connection. Returns the messages that waited for the end of a catch-up."""
        self._is_open = self.is_caught_up = False
        self._asked_at = None
        self._catch_up.stop()
        self.outbox.doubt()
        return self._release()

    def tick(self, now):
        """Returns the frames to send now."""
        if not self._is_open:
            return []
        self._check_life(now)
        if self.outbox.expire(now):
            self._catch_up.request_check(now)
        if request := self._catch_up.check(now):
            self.outbox.seek()
            self._ask(request, now)
        # Not during a catch-up after a connect, which may find the messages that were sent before.
        if self.is_caught_up:
            for entry in self.outbox.next(now):
                self._frames.append(f'{{"action":"send","clientId":"{entry.client_id}","message":{entry.message}}}')
        frames, self._frames = self._frames, []
        return frames

    @property
    def next_time(self):
        """When `tick` is due, or None."""
        if not self._is_open:
            return None
        times = [self._catch_up.check_at, self.outbox.due_at if self.is_caught_up else None]
        times.append(self._heard_at + SILENCE if self._heartbeat_at is None else self._heartbeat_at + ANSWER_WITHIN)
        times.append(None if self._asked_at is None else self._asked_at + ANSWER_WITHIN)
        return min(time for time in times if time is not None)

    def _check_life(self, now):
        if self._asked_at is not None and now >= self._asked_at + ANSWER_WITHIN:
            self.is_dead = True
        if self._heartbeat_at is None:
            if now >= self._heard_at + SILENCE:
                self._heartbeat_at = now
                self._frames.append('{"action":"heartbeat"}')
        elif now >= self._heartbeat_at + ANSWER_WITHIN:
            if self._answers_heartbeats or self._replaced < REPLACEMENTS:
                self._replaced += 1
                self.is_dead = True
            else:
                self._heard_at, self._heartbeat_at = now, None

    def _ask(self, request, now):
        self._asked_at = now
        self._frames.append(json.dumps(request))

    def _release(self):
        held, self._held = sorted(self._held, key=lambda event: event.fields["id"]), []
        return held

    # Frames of the server.

    def received(self, text, now):
        """Handles one frame of the server, and returns the resulting events."""
        self._heard_at, self._heartbeat_at = now, None
        try:
            frame = members(text)
        except ValueError:
            # The local AWS also sends the bodies of the `$default` route's responses, which are not JSON.
            return [Event("other", text, {})] if is_json(text) else []
        if {"connectionId", "requestId"} <= frame.keys():
            # API Gateway does not say which request failed.
            self.outbox.hurry(now)
            return []
        kind = frame.get("type", "").strip('"')
        if kind not in TYPES:
            return [Event("other", text, {})]
        try:
            return getattr(self, f"_{kind}")(text, frame, now)
        except (KeyError, TypeError, ValueError):
            return [unreadable(kind)]

    def _messages(self, _, frame, now):
        return [event for text in elements(frame["messages"]) for event in self._gathered(text, now)]

    def _gathered(self, text, now):
        """Returns the events of one of several messages that were delivered together."""
        try:
            frame = members(text)
            if value(frame, "type") != "message":
                raise ValueError(f"not a message: {text[:100]}")
            return self._message(text, frame, now)
        except (KeyError, TypeError, ValueError):
            return [unreadable("message")]

    def _message(self, text, frame, _):
        event = self._arrived(text, frame, True)
        if not event or event.kind == "ephemeral" or self.is_caught_up:
            return [event] if event else []
        self._held.append(event)
        return self._release() if len(self._held) > HELD_LIMIT else []

    def _arrived(self, text, frame, is_delivery):
        """Returns the event of a message, or None if it arrived before."""
        fields = {name: value(frame, name) for name in ("id", "clientId", "room", "from", "at")}
        fields["message"] = frame.get("message", "null")
        if value(frame, "ephemeral") is True:
            return Event("ephemeral", text, fields)
        if self.you and fields["from"]["id"] == self.you["id"] and fields["clientId"]:
            self.outbox.acknowledge(fields["clientId"])
        return Event("message", text, fields) if self._catch_up.is_new(fields["id"], is_delivery) else None

    def _deleted(self, text, frame, _):
        fields = {"id": value(frame, "id")}
        # Records the id, so that a page or a delivery that was overtaken does not bring the message.
        self._catch_up.is_new(fields["id"], True)
        self._held = [event for event in self._held if event.fields["id"] != fields["id"]]
        return [Event("deleted", text, fields)]

    def _entered(self, text, frame, now):
        names = ("type", "you", "room", "access", "users", "count")
        fields = {name: value(frame, name) for name in names if name in frame or name != "access"}
        self.you = fields["you"]
        return [Event("entered", json.dumps(fields, ensure_ascii=False), fields), *self._history(text, frame, now)]

    def _history(self, _, frame, now):
        if self._asked_at is None:
            return []
        page = [(text, members(text)) for text in elements(frame["messages"])]
        events = [self._arrived(text, message, False) for text, message in page]
        ids = [value(message, "id") for _, message in page]
        next_request = self._catch_up.answered(ids, value(frame, "more"), now)
        self._asked_at, self._refusals = None, 0
        if next_request:
            self._ask(next_request, now)
            return [event for event in events if event]
        self.outbox.sought()
        self.is_caught_up = True
        return [*(event for event in events if event), *self._release()]

    def _presence(self, text, frame, _):
        return [Event("presence", text, {name: value(frame, name) for name in ("event", "user", "count")})]

    def _who(self, text, frame, _):
        return [Event("who", text, {name: value(frame, name) for name in ("users", "count")})]

    def _heartbeat(self, *_):
        self._answers_heartbeats = True
        return []

    def _error(self, text, frame, now):
        fields = {name: value(frame, name) for name in ("code", "message", "clientId", "retryAfterMs")}
        if client_id := fields["clientId"]:
            milliseconds = fields["retryAfterMs"]
            retry_after = milliseconds / 1000 if isinstance(milliseconds, int) and milliseconds >= 0 else None
            has_failed = self.outbox.refuse(client_id, fields["code"], now, retry_after)
            return [Event("failed", text, fields)] if has_failed else []
        if self._asked_at is None:
            return [Event("error", text, fields)]
        self._asked_at = None
        self._catch_up.failed(now, min(LONGEST_PAUSE, 2.0**self._refusals))
        self._refusals += 1
        # Some failures are brief: the first is not shown.
        return [Event("error", text, fields)] if self._refusals > 1 or fields["code"] != "unavailable" else []


def unreadable(kind):
    """Returns the event for a frame of the server that is not as documented."""
    fields = {"code": "invalid", "message": f"the server sent an unreadable frame of type {kind}"}
    return Event("error", json.dumps({"type": "error", **fields}), fields)


def value(frame, name):
    """Returns a member's value; None if it is missing."""
    return json.loads(frame[name]) if name in frame else None


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
