"""Tracks the messages that a chat client has, and requests the missing ones: docs/protocol.md, "Missing nothing"."""

# Seconds from a catch-up to the first check. Broadcasts may miss a new connection, because the index lags.
FIRST_CHECK = 4
# Seconds between later checks, which are made if messages arrived: they find a message whose delivery was cut off.
NEXT_CHECK = 120
# Milliseconds by which the id of a message can precede those of messages that were kept earlier.
DISORDER = 30_000
PAGE = 100
# Pages without progress after which a catch-up ends.
PATIENCE = 3
# The maximum number of remembered ids. It is reached if the server stores no messages, or if more arrive than a check
# can cover.
SEEN_LIMIT = 200_000


def id_at(milliseconds):
    """Returns the smallest UUID of version 7 for a time, in milliseconds since 1970."""
    digits = f"{max(0, milliseconds):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def time_of(message_id):
    return int(message_id[:8] + message_id[9:13], 16)


class CatchUp:
    """Requests pages, one at a time, and recognizes repeated messages. Performs no I/O and reads no clock."""

    def __init__(self):
        # Where the last catch-up ended; None before the first. Only pages move it: a message that was delivered proves
        # nothing about earlier ones.
        self.place = None
        # True while a page is requested.
        self.is_running = False
        self._seen = set()
        # The first message of the first page, if older messages exist. Older messages are not shown.
        self._oldest = ""
        self._position = None
        # True until `enter` is answered.
        self._enters = True
        self._is_first = False
        self._is_check = False
        self._stuck = 0
        self._check_at = None
        self._not_before = 0.0
        self._has_news = False

    def start(self):
        """Returns the request to send on a new connection."""
        self._is_first = self.place is None
        self._enters = True
        self._is_check = False
        self._begin(self.place)
        return {"action": "enter"} if self._is_first else {"action": "enter", "after": self.place}

    def stop(self):
        """Ends a catch-up whose connection was lost."""
        self.is_running = False
        self._check_at = None

    def answered(self, ids, more, now):
        """Records a page. Returns the next request, or None when the catch-up is complete."""
        self._enters = False
        last = ids[-1] if ids else self._position
        self._stuck = 0 if last != self._position else self._stuck + 1
        self._position = last
        if self._is_first and more and ids:
            self._oldest = ids[0]
        # On the first page, `more` means older messages.
        if more and not self._is_first and self._stuck < PATIENCE:
            return self._page(last)
        # An empty room has no last message: everything that comes is later than the beginning of time.
        self.place = max(self.place or "", last or id_at(2 * DISORDER))
        self._forget()
        self.is_running = False
        self._check_at = now + (NEXT_CHECK if self._is_check else FIRST_CHECK)
        self._has_news = self._has_news or not self._is_check
        return None

    def failed(self, now, pause):
        """Postpones a catch-up whose request was refused."""
        self.is_running = False
        self._check_at = self._not_before = now + pause
        self._has_news = True

    def request_check(self, now):
        """Makes the next check due now, or after the pause that follows a failure."""
        soon = max(now, self._not_before)
        self._check_at = soon if self._check_at is None else min(self._check_at, soon)
        self._has_news = True

    def check(self, now):
        """Returns the request of a check if one is due, or None."""
        if self.is_running or self._check_at is None or now < self._check_at:
            return None
        if not self._has_news:
            self._check_at = now + NEXT_CHECK
            return None
        if self._enters:
            return self.start()
        self._is_first = False
        self._is_check = True
        self._begin(id_at(time_of(self.place) - DISORDER))
        return self._page(self._position)

    @property
    def check_at(self):
        return None if self.is_running else self._check_at

    def is_new(self, message_id, is_delivery):
        """Records a message; returns False for one that was recorded before. `is_delivery`: it is not part of a page."""
        self._has_news = self._has_news or is_delivery
        if message_id in self._seen or message_id < self._oldest or (self.place and message_id < self._floor()):
            return False
        self._seen.add(message_id)
        if len(self._seen) > SEEN_LIMIT:
            self._seen = set(sorted(self._seen)[SEEN_LIMIT // 2 :])
        return True

    def _begin(self, position):
        self.is_running = True
        self._position = position
        self._stuck = 0
        # A message that arrives during this catch-up makes the next check necessary.
        self._has_news = False

    def _page(self, after):
        return {"action": "history", "after": after or id_at(0), "limit": PAGE}

    def _floor(self):
        # Everything before it is complete, because each catch-up began 30 s before the end of the one before.
        return id_at(time_of(self.place) - 2 * DISORDER)

    def _forget(self):
        floor = self._floor()
        self._seen = {each for each in self._seen if each >= floor}
