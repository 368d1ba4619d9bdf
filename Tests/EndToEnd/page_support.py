"""Fixtures and helpers for the page's tests: the browser, a driver for the page, and faults in the stack."""

import contextlib
import datetime
import json
import os
import pathlib
import reprlib
import shutil
import signal
import time
from urllib.parse import parse_qs, urlsplit

import chat_rules
import pytest
from chat_client import ChatClient
from fake_chat_rooms import encode, stamped
from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE_FOLDER = ROOT / "web"
PAGE_FILE = PAGE_FOLDER / "index.html"


def eventually(read, expected, seconds=60, pause=lambda: time.sleep(0.05)):
    """Polls read() until it returns the expected value or satisfies the predicate; a failure reports the last value."""
    holds = expected if callable(expected) else lambda value: value == expected
    deadline = time.monotonic() + seconds
    while not holds(value := read()):
        if time.monotonic() > deadline:
            wanted = "" if callable(expected) else f", not {reprlib.repr(expected)}"
            raise AssertionError(f"after {seconds} s still {reprlib.repr(value)}{wanted}")
        pause()
    return value


# Records the longest time between two animation frames, in milliseconds. At 60 Hz it is 17 ms.
WATCH_FRAMES = """() => {
  window.longestGap = 0;
  let last = performance.now();
  const watch = (now) => { longestGap = Math.max(longestGap, now - last); last = now; requestAnimationFrame(watch); };
  requestAnimationFrame(watch);
}"""


class ChatPage:
    """A driver for the page in one tab, and the content that a person sees there."""

    def __init__(self, page):
        self.page = page
        self.problems = []
        # Milliseconds by which each poll advances the page's clock. For pages with a stopped clock.
        self.step = 0
        self.sent = []
        self.requests = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: "Content Security Policy" in line.text and self.problems.append(line.text))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._watch)

    def _watch(self, websocket):
        self.requests.append(websocket.url)
        websocket.on("framesent", lambda payload: self.sent.append(payload))

    def eventually(self, read, expected, seconds=60):
        return eventually(read, expected, seconds, self._wait)

    def _wait(self):
        # Unlike time.sleep, this lets Playwright dispatch events.
        self.page.wait_for_timeout(50)
        if self.step:
            self.page.clock.run_for(self.step)

    @property
    def state(self):
        return self.page.inner_text("#state").strip()

    def wait_for_state(self, word, seconds=60):
        """Returns the first state that begins with the word."""
        return self.eventually(lambda: self.state, lambda state: state.startswith(word), seconds)

    def write(self, text):
        self.page.fill("#message", text)
        self.page.get_by_role("button", name="Send").click()

    def show_all(self):
        """Presses "Show more" until every message is shown in full."""
        while (button := self.page.locator("button.more").first).count():
            button.click()

    def texts(self, selector="#messages .message .text"):
        # inner_text would collapse white space.
        return self.page.locator(selector).evaluate_all("nodes => nodes.map(node => node.textContent)")

    @property
    def messages(self):
        return self.texts()

    # These two transfer no other texts, which takes seconds where there are thousands.
    @property
    def count(self):
        """The number of messages."""
        return self.page.locator("#messages .message .text").count()

    @property
    def newest(self):
        """The text of the last message; None without one."""
        nodes = self.page.locator("#messages .message .text")
        return nodes.evaluate_all("nodes => nodes.at(-1)?.textContent ?? null")

    @property
    def own(self):
        return self.texts("#messages .message.own .text")

    @property
    def waiting(self):
        return self.texts("#outbox .message .text")

    @property
    def notes(self):
        return self.texts("#messages .note")

    @property
    def people(self):
        """The people's labels in the list, open or not."""
        return self.texts("#people-list li")

    @property
    def typing(self):
        return self.page.inner_text("#typing")


@pytest.fixture(scope="session")
def browser():
    # Without windows: the whole browser takes twice the CPU time.
    path = shutil.which("chromium-headless-shell")
    assert path, "no headless Chromium on this machine: run scripts/setup test"
    with sync_playwright() as playwright:
        # CI runs as root, where Chromium's sandbox does not work. Only this project's page is opened.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens each address in a separate browser profile. Fails the test if a page reported an error."""
    opened = []

    def open_page(address, connected=True, before=lambda page: None, **options):
        context = browser.new_context(**{"viewport": {"width": 800, "height": 600}, **options})
        chat = ChatPage(context.new_page())
        opened.append((context, chat))
        before(chat.page)
        chat.page.goto(address)
        if connected:
            chat.wait_for_state("Connected")
        return chat

    yield open_page
    problems = [chat.problems for _, chat in opened]
    for context, _ in opened:
        context.close()
    assert not any(problems), problems


START = datetime.datetime(2026, 1, 1)


def stop_clock(page):
    """Stops the page's clock; only run_for() advances it, however slow the machine is."""
    page.clock.install(time=START)
    page.clock.pause_at(START + datetime.timedelta(seconds=1))


def advance(chat, seconds, step=1):
    """Advances the page's clock. After each heartbeat, waits up to a second of real time for the answer."""
    for _ in range(round(seconds / step)):
        before = heartbeats(chat)
        chat.page.clock.run_for(step * 1000)
        chat.page.wait_for_timeout(10)
        if heartbeats(chat) > before:
            deadline = time.monotonic() + 1
            while chat.page.evaluate("session.isProbing") and time.monotonic() < deadline:
                chat.page.wait_for_timeout(20)


def heartbeats(chat):
    return len([frame for frame in chat.sent if json.loads(frame) == {"action": "heartbeat"}])


@pytest.fixture
def clocked(open_page, fake_chat, page_for):
    """The page in the fake chat server's lobby, with a stopped clock."""
    chat = open_page(page_for(fake_chat.url), before=stop_clock)
    chat.step = 20
    return chat


@pytest.fixture
def chat(open_page, fake_chat, page_for):
    """The page in the fake chat server's lobby. Needs no stack."""
    return open_page(page_for(fake_chat.url))


def numbered(name, count):
    return [f"{name} {number}" for number in range(count)]


def deliver(fake_chat, *messages, name="Bob", key="bob", room="lobby", ephemeral=False):
    """Delivers messages of a person, texts or other JSON, to everyone in a room. They are not in the history."""
    user = {"id": chat_rules.user_id(f"key:{key}"), "name": name}
    for message in messages:
        content = encode(message)
        message_id = fake_chat.ids.next(fake_chat.now())
        fake_chat.deliver(stamped(message_id, room, user, content, ephemeral=ephemeral), room)


def sends(frames):
    """Returns those of a client's frames that send a message, as values."""
    found = [json.loads(frame) for frame in frames]
    return [frame for frame in found if frame.get("action") == "send" and not frame.get("ephemeral")]


def texts_of(frames):
    """Returns the texts of the messages that a client sent."""
    return [frame["message"] for frame in sends(frames)]


def query_of(path):
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def change(chat, **fields):
    """Saves new values in the dialog."""
    chat.page.click("#change-name")
    for field, value in fields.items():
        chat.page.fill(f"#{field}", value)
    chat.page.get_by_role("button", name="Save").click()


def person(fake_chat, name, room="lobby"):
    """Returns a client that has entered. It leaves when the test drops it."""
    client = ChatClient(fake_chat.url, room, name, f"key-of-{name}")
    client.enter()
    return client


def open_connections(stack):
    api = stack.client("apigatewaymanagementapi", stack.environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"])
    for connection in stack.rows():
        # The row of a recently closed socket may still exist.
        with contextlib.suppress(api.exceptions.GoneException):
            api.get_connection(ConnectionId=connection)
            yield api, connection


def drop_every_connection(stack):
    """Closes every socket with API Gateway's DeleteConnection."""
    for api, connection in list(open_connections(stack)):
        api.delete_connection(ConnectionId=connection)



@contextlib.contextmanager
def stopped(stack):
    """Suspends the local AWS's process. Its sockets stay open, without an answer."""
    [aws] = [
        int(process.name)
        for process in pathlib.Path("/proc").glob("[0-9]*")
        if f"\nPPid:\t{stack.process.pid}\n" in (process / "status").read_text()
        and b"ministack" in (process / "cmdline").read_bytes()
    ]
    os.kill(aws, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(aws, signal.SIGCONT)
