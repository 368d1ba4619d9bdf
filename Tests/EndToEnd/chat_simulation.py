"""Rooms, a network and clients in simulated time, for tests of `chat_session`."""

import heapq
import itertools
import json
import random

from chat_session import Session
from fake_chat_rooms import Rooms, gathered

# Simulated seconds since 1970.
START = 1_800_000_000


class World(Rooms):
    """Rooms and a network in simulated time. Frames take random times; those in flight are lost with the connection."""

    def __init__(self, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.time = 0.0
        self._events = []
        self._order = itertools.count()
        # The longest time in seconds for which messages wait for others to be delivered with; 0 delivers each alone.
        self.gathers_for = 0

    def now(self):
        return int((START + self.time) * 1000)

    def after(self, seconds, action):
        heapq.heappush(self._events, (self.time + seconds, next(self._order), action))

    def deliver(self, frame, room):
        if not self.gathers_for:
            return super().deliver(frame, room)
        if not self.waiting[room]:
            self.after(self.random.uniform(0, self.gathers_for), lambda: self._deliver_waiting(room))
        self.waiting[room].append(frame)

    def _deliver_waiting(self, room):
        self.broadcast(gathered(sorted(set(self.waiting.pop(room)))), room)

    def run(self, until):
        while self._events and self._events[0][0] <= until:
            self.time, _, action = heapq.heappop(self._events)
            action()
        self.time = until


class Client:
    """A session in a `World`: connects again after each loss."""

    def __init__(self, world, name, in_flight=1):
        self.world = world
        self.name = name
        self.session = Session(name, in_flight)
        self.shown = []
        self.events = []
        self.member = None
        self._timer = 0
        self.connect()

    def connect(self):
        self.member = Member(self)
        self.world.members.append(self.member)
        self.session.opened(self.world.time)
        self.tick(self.member)

    def cut(self):
        """Loses the connection; the next one opens within two seconds."""
        if self.member:
            member, self.member = self.member, None
            member.is_open = False
            self.world.leave(member)
            self._show(self.session.lost())
            self.world.after(self.world.random.uniform(0, 2), self.connect)

    def submit(self, *messages):
        for message in messages:
            self.session.submit(json.dumps(message))
        if self.member:
            self.tick(self.member)

    def receive(self, frame, member):
        if member.is_open:
            self._show(self.session.received(frame, self.world.time))
            self.tick(member)

    def tick(self, member):
        if not member.is_open:
            return
        for frame in self.session.tick(self.world.time):
            member.to_server(frame)
        if self.session.is_dead:
            self.cut()
            return
        self._timer += 1
        timer = self._timer
        due = max(0.001, self.session.next_time - self.world.time)
        # A later call of `tick` replaces this timer.
        self.world.after(due, lambda: timer == self._timer and self.tick(member))

    def _show(self, events):
        self.events += events
        self.shown += [(event.fields["id"], event.raw) for event in events if event.kind == "message"]

    @property
    def messages(self):
        return [json.loads(frame)["message"] for _, frame in self.shown]


class Member:
    """The server's side of a `Client`'s connection."""

    def __init__(self, client):
        self.client = client
        self.world = client.world
        self.room, self.name, self.user_id, self.entered = "lobby", client.name, f"{client.name:0>22}", None
        self.is_open = True
        self._arrival = {"up": 0.0, "down": 0.0}

    @property
    def user(self):
        return {"id": self.user_id, "name": self.name}

    def post(self, frame):
        self._travel("down", lambda: self.client.receive(frame, self))

    def to_server(self, frame):
        self._travel("up", lambda: self.is_open and self.world.receive(self, frame))

    def _travel(self, direction, arrive):
        # In order, as on a socket.
        delay = self.world.random.expovariate(20)
        self._arrival[direction] = max(self._arrival[direction], self.world.time + delay)
        self.world.after(self._arrival[direction] - self.world.time, arrive)
