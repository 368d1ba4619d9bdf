"""The rooms of the fake chat server: people, kept messages, and what each action of docs/protocol.md does to them."""

import collections
import itertools
import json
import secrets
import threading
import time
from dataclasses import dataclass

import chat_rules as rules
from chat_contract import FRAME_LIMIT, MESSAGE_LIMIT, Contract, time_of

# `after` of `enter` reaches back further than its id, because writers' clocks and writes interleave. Milliseconds.
OVERLAP = 30_000
PRESENCE_LIMIT = USERS_LIMIT = 100
ACTIONS = ("enter", "send", "history", "who", "heartbeat")
# API Gateway's answer to a heartbeat.
HEARTBEAT = '{"type":"heartbeat"}'

# Faults that a test can append to `Rooms.faults[action]`, besides an error code. Each applies to one request.
SILENCE = object()  # the function was killed at once: no effect and no answer
KEPT_ONLY = object()  # the function was killed before it delivered: a message is kept, and only history has it
FAILS = object()  # the function failed: no effect, and API Gateway's own error frame


@dataclass
class RateLimited:
    """A fault: the next message is accepted after so many milliseconds."""

    retry_after: int


def encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Rooms:
    """The state, guarded by `lock`. Subclasses add members, which have `post(frame)`.

    `received` are the clients' frames, in order. `kept` are the messages by room: ascending pairs of id and frame.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.members = []
        self.received = []
        self.kept = collections.defaultdict(list)
        self.ids = rules.Ids()
        self.ranks = itertools.count()
        self.contract = Contract()
        # Faults and settings.
        self.faults = collections.defaultdict(collections.deque)
        self.copies = 1  # how often each message is delivered
        self.gathers = 1  # messages that are delivered as one frame, as in a large room
        self.waiting = collections.defaultdict(list)  # those that wait for others, by room
        self.clock_skew = 0  # milliseconds by which the server's clock is ahead
        self.page = 50  # messages in `entered`, and in `history` without `limit`
        self.keeps = True  # False as with HistoryDays 0
        self.answers_heartbeats = True
        self.readers = set()  # the ids of those who may only read

    def now(self):
        return time.time_ns() // 1_000_000 + self.clock_skew

    def say(self, frame, room="lobby"):
        """Delivers a frame, text or a value for JSON, to everyone in a room as it is."""
        self.broadcast(frame if isinstance(frame, str | bytes) else encode(frame), room)

    def keep(self, message, room="lobby", name="Bob", key="bob", at=None, deliver=False):
        """Adds a message of a person to the history, by default without delivery. `at`: milliseconds since 1970."""
        with self.lock:
            message_id = self.ids.next(self.now()) if at is None else rules.message_id(at, random=secrets.randbits(62))
            user = {"id": rules.user_id(f"key:{key}"), "name": name}
            frame = stamped(message_id, room, user, encode(message))
            self.kept[room] = sorted([*self.kept[room], (message_id, frame)])
            if deliver:
                self.deliver(frame, room)
        return message_id

    def delete(self, message_id, room="lobby"):
        """Deletes a message as a moderator does."""
        with self.lock:
            self.kept[room] = [(kept_id, frame) for kept_id, frame in self.kept[room] if kept_id != message_id]
            self.broadcast(encode({"type": "deleted", "id": message_id}), room)

    def deliver(self, frame, room):
        """Delivers a message, alone or together with others."""
        with self.lock:
            waiting = [*self.waiting.pop(room, []), frame]
            if len(waiting) < self.gathers:
                self.waiting[room] = waiting
            else:
                self.broadcast(frame if self.gathers == 1 else gathered(waiting), room)

    def broadcast(self, frame, room, entered_only=False):
        with self.lock:
            for member in self.members:
                if member.room == room and (member.entered is not None or not entered_only):
                    member.post(frame)

    def leave(self, member):
        """Removes a member whose connection ended."""
        with self.lock:
            self.members.remove(member)
            if member.entered is not None and member.user_id not in self.people(member.room):
                self.announce("leave", member)

    def people(self, room):
        """Returns the people who entered, by id, in order of their first connection."""
        entered = [member for member in self.members if member.room == room and member.entered is not None]
        people = {}
        for member in sorted(entered, key=lambda member: member.entered):
            people.setdefault(member.user_id, member.user)
        return people

    def announce(self, event, member):
        count = len(self.people(member.room))
        if count <= PRESENCE_LIMIT:
            frame = {"type": "presence", "event": event, "user": member.user, "count": count}
            for each in self.members:
                if each.room == member.room and each.entered is not None and each is not member:
                    each.post(encode(frame))

    def receive(self, member, text):
        """Carries out a client's frame."""
        with self.lock:
            self.received.append(text)
            try:
                frame = rules.members(text)
            except (ValueError, RecursionError):
                return  # The `$default` route answers 400, which API Gateway does not report to the client.
            action = json.loads(frame.get("action", "null")) if frame else None
            if action not in ACTIONS:
                self._receive_raw(member, text, frame)
            elif action != "heartbeat":
                self._carry_out(member, action, frame, len(text.encode()))
            elif self.answers_heartbeats:
                member.post(HEARTBEAT)

    def _receive_raw(self, member, text, frame):
        kind = json.loads(frame.get("type", "null")) if frame else None
        is_imitated = isinstance(kind, str) and kind in self.contract.types
        if is_imitated or frame and {"connectionId", "requestId"} <= frame.keys():
            member.post(error("forbidden", "frames of this kind come from the server"))
        else:
            self.broadcast(text, member.room)

    def _carry_out(self, member, action, frame, size):
        fault = self.faults[action].popleft() if self.faults[action] else None
        client_id = None
        try:
            client_id = rules.field(frame, "clientId", rules.is_client_id)
            if action == "send" and size > FRAME_LIMIT:
                raise rules.Refused("too_large", "the frame is too large")
            if isinstance(fault, RateLimited):
                raise rules.Refused("rate_limited", "too many messages", fault.retry_after)
            if isinstance(fault, str):
                raise rules.Refused(fault, f"refused by the test: {fault}")
            if fault is FAILS:
                ids = {name: secrets.token_urlsafe(11) + "=" for name in ("connectionId", "requestId")}
                member.post(encode({"message": "Internal server error", **ids}))
            elif fault is not SILENCE:
                getattr(self, f"_{action}")(member, frame, fault)
        except rules.Refused as refused:
            member.post(error(refused.code, str(refused), client_id, refused.retry_after))

    def _enter(self, member, frame, _):
        after = rules.field(frame, "after", rules.is_id)
        others = self.people(member.room)
        joins = member.entered is None and member.user_id not in others
        if member.entered is None:
            member.entered = next(self.ranks)
        start = after and rules.message_id(max(0, rules.milliseconds_of(after) - OVERLAP))
        access = {"access": "read"} if member.user_id in self.readers else {}
        state = {"type": "entered", "you": member.user, "room": member.room, **access, **self._users(member)}
        member.post(self._page(member, state, self.page, after=start))
        if joins:
            self.announce("join", member)

    def _send(self, member, frame, fault):
        if member.user_id in self.readers:
            raise rules.Refused("forbidden", "you may only read this room")
        ephemeral = rules.field(frame, "ephemeral", rules.is_boolean, False)
        if "message" not in frame:
            raise rules.Refused("invalid", "`message` is missing")
        message_id = self.ids.next(self.now())
        text = stamped(message_id, member.room, member.user, frame["message"], frame.get("clientId"), ephemeral)
        if self.keeps and not ephemeral:
            self.kept[member.room] = sorted([*self.kept[member.room], (message_id, text)])
        for _ in range(0 if fault is KEPT_ONLY else self.copies):
            self.deliver(text, member.room)

    def _history(self, member, frame, _):
        before, after = (rules.field(frame, name, rules.is_id) for name in ("before", "after"))
        if before and after:
            raise rules.Refused("invalid", "`before` and `after` exclude each other")
        limit = rules.field(frame, "limit", rules.is_limit, self.page)
        member.post(self._page(member, {"type": "history"}, limit, before, after))

    def _who(self, member, *_):
        member.post(encode({"type": "who", **self._users(member)}))

    def _users(self, member):
        people = self.people(member.room)
        users = list(people.values())
        if len(users) > USERS_LIMIT:
            users = users[:USERS_LIMIT]
            if member.user_id in people and member.user_id not in {user["id"] for user in users}:
                users[-1] = people[member.user_id]
        return {"users": users, "count": len(people)}

    def _page(self, member, head, limit, before=None, after=None):
        kept = [
            frame for id, frame in self.kept[member.room] if (not before or id < before) and (not after or id > after)
        ]
        # From the nearest to the farthest.
        nearest = kept if after else kept[::-1]
        if nearest and "users" in head:
            # Fewer people, if a message does not fit beside all.
            heads = [{**head, "users": users} for users in (head["users"], head["users"][:10], [member.user])]
            fits = (each for each in heads if len(page(each, nearest[:1], False).encode()) <= MESSAGE_LIMIT)
            head = next(fits, heads[-1])
        chosen = []
        size = len(page(head, [], False).encode())
        for frame in nearest[:limit]:
            size += len(frame.encode()) + 1
            if size > MESSAGE_LIMIT:
                break
            chosen.append(frame)
        return page(head, chosen if after else chosen[::-1], len(chosen) < len(kept))


def error(code, message, client_id=None, retry_after=None):
    given = {"retryAfterMs": retry_after, "clientId": client_id}
    known = {name: value for name, value in given.items() if value is not None}
    return encode({"type": "error", "code": code, "message": message, **known})


def page(head, frames, more):
    """Returns a frame with messages. `head` are the fields before them."""
    return f'{encode(head)[:-1]},"messages":[{",".join(frames)}],"more":{encode(more)}}}'


def gathered(frames):
    """Returns the frame that delivers several messages at once."""
    return f'{{"type":"messages","messages":[{",".join(frames)}]}}'


def stamped(message_id, room, user, message, client_id=None, ephemeral=False):
    """Returns a message's frame. `message` and `client_id` are JSON."""
    fields = [
        '"type":"message"',
        f'"id":"{message_id}"',
        *([f'"clientId":{client_id}'] if client_id else []),
        f'"room":"{room}"',
        f'"from":{encode(user)}',
        f'"at":"{time_of(message_id)}"',
        *(['"ephemeral":true'] if ephemeral else []),
        f'"message":{message}',
    ]
    return "{" + ",".join(fields) + "}"
