"""What scripts/chat prints: lines for people, or the server's frames with --json.

Everything that other people choose (names, texts) is only text: no character of theirs can move the cursor, reorder a
line or imitate one of the program's own lines.
"""

import base64
import collections
import hashlib
import json
import unicodedata
from datetime import datetime

# Longer texts are cut. Characters.
TEXT_LIMIT = 4000
# Zero-width joiner and non-joiner: parts of emoji and of words in Persian and Indic scripts.
JOINERS = "\u200c\u200d"
# Controls; invisible and bidirectional formats; surrogates; private use; line and paragraph separators.
ESCAPED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# What delimits names. A name that contains one has a backslash before it.
MARKS = "<>~\\"
# Characters of an id's hash that tell people of one name apart. The ids of an issuer may all begin alike.
SHORT_ID = 8
# Messages that a line about a deletion can refer to.
MESSAGES_REMEMBERED = 1000
# People whose names are remembered.
PEOPLE_LIMIT = 10_000


def visible(text, also=""):
    """Escapes control and format characters for a terminal as `\\u{…}`, and the characters of `also` by a backslash."""
    return "".join(escaped(character, also) for character in text)


def escaped(character, also):
    if character in also:
        return "\\" + character
    if unicodedata.category(character) in ESCAPED and character not in JOINERS:
        return f"\\u{{{ord(character):X}}}"
    return character


class People:
    """Names as they are shown: `<Ann>`, and `<Ann ~Ns-7mDVn>` once another person with that name was seen."""

    def __init__(self):
        self._ids = {}

    def label(self, user):
        name = str(user["name"])
        ids = self._ids.setdefault(unicodedata.normalize("NFKC", name).casefold().strip(), {})
        ids[user["id"]] = True
        if len(self._ids) > PEOPLE_LIMIT or len(ids) > PEOPLE_LIMIT:
            self._ids = {}
        suffix = f" ~{short_id(user['id'])}" if len(ids) > 1 else ""
        return f"<{visible(name, also=MARKS)}{suffix}>"


def short_id(person):
    digest = hashlib.sha256(str(person).encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode()[:SHORT_ID]


class TextView:
    """Prints lines for people. A message's line begins with a time and `<`; the program's own lines begin with `*`."""

    def __init__(self, write):
        self._write = write
        self._people = People()
        self._day = None
        # The time and the sender of each, by id.
        self._shown = collections.OrderedDict()

    def show(self, event):
        if lines := getattr(self, f"_{event.kind}", lambda _: None)(event):
            self._write(lines)

    def lost(self, reason, pause):
        """Reports the end of a connection; `pause` is in seconds."""
        self._write(f"* connection lost: {visible(reason)}; connecting again in {pause:.0f} s")

    def _message(self, event):
        time = datetime.fromisoformat(event.fields["at"]).astimezone()
        text = readable(event.fields["message"])
        day = f"* {time:%Y-%m-%d}\n" if time.date() != self._day else ""
        self._day = time.date()
        who = self._people.label(event.fields["from"])
        self._shown[event.fields["id"]] = f"{who} of {time:%H:%M}"
        if len(self._shown) > MESSAGES_REMEMBERED:
            self._shown.popitem(last=False)
        return f"{day}{time:%H:%M} {who} {text}"

    def _deleted(self, event):
        message = self._shown.pop(event.fields["id"], None)
        return message and f"{datetime.now():%H:%M} * a moderator deleted the message by {message}"

    def _other(self, event):
        return f"{datetime.now():%H:%M} (sender unknown) {readable(event.raw)}"

    def _entered(self, event):
        access = "; you may only read" if event.fields.get("access") == "read" else ""
        who = self._people.label(event.fields["you"])
        return f"* you are {who} in {event.fields['room']}{access}; {self._list(event)}"

    def _who(self, event):
        return f"* {self._list(event)}"

    def _list(self, event):
        users, count = event.fields["users"], event.fields["count"]
        more = f" and {count - len(users)} more" if count > len(users) else ""
        return f"{people(count)}: {', '.join(self._people.label(user) for user in users)}{more}"

    def _presence(self, event):
        who, count = self._people.label(event.fields["user"]), people(event.fields["count"])
        return f"{datetime.now():%H:%M} * {who} {'joined' if event.fields['event'] == 'join' else 'left'}; {count}"

    def _error(self, event):
        return f"* the server reports {visible(str(event.fields['code']))}: {visible(str(event.fields['message']))}"

    def _failed(self, event):
        return f"* not sent ({visible(str(event.fields['code']))}): {visible(str(event.fields['message']))}"


class JSONView:
    """One JSON value a line: the server's frames, messages once each, and the state of the connection."""

    def __init__(self, write):
        self._write = write

    def show(self, event):
        if event.kind == "other":
            self._write(f'{{"type":"other","message":{one_line(event.raw)}}}')
        else:
            self._write(one_line(event.raw))

    def lost(self, reason, pause):
        self._write(json.dumps({"type": "lost", "reason": reason, "pause": round(pause, 3)}))


def one_line(raw):
    """Returns JSON on one line: valid JSON has line breaks only between tokens, so spaces can replace them."""
    return raw.replace("\r", " ").replace("\n", " ")


def readable(raw):
    """Returns a message as text: the value of a string, or other values as JSON. Indents all but the first line."""
    text = json.loads(raw) if raw.startswith('"') else one_line(raw)
    cut = len(text) - TEXT_LIMIT
    lines = text[:TEXT_LIMIT].replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return "\n      ".join(visible(line) for line in lines) + (f"… ({cut} more characters)" if cut > 0 else "")


def people(count):
    return "1 person" if count == 1 else f"{count} people"
