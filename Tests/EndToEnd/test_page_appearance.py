"""The page's appearance: axe finds no violation in any state, nothing is wider than the screen, and screenshots."""

import json
import time

import chat_rules
import pytest
from axe_playwright_python.sync_playwright import Axe
from chat_client import ChatClient
from page_signin import quick, sign_in
from page_support import ROOT, deliver, numbered

SCREENSHOTS = ROOT / "dist" / "screenshots"
MINUTE = 60 * 1000
LONGEST_NAME = "Maximiliane " * 5 + "Anna"
CONVERSATION = [
    ("Ada", "Good morning! The functions are up."),
    ("me", "Morning. All from the same zip?"),
    ("Ada", "Yes, one bootstrap: the handler picks the route.\nThe toolchain: https://www.swift.org/install/linux/"),
    ("سمية", "صباح الخير"),
    ("me", "Then I will break something on purpose."),
    ("me", "<img src=x onerror=alert(1)>"),
    (LONGEST_NAME, "Shown as text. " + "Aah" * 30 + "!"),
]  # fmt: skip
NAMES = sorted({name for name, _ in CONVERSATION} - {"me"})


def key_of(name):
    return f"key-{NAMES.index(name)}"


@pytest.fixture(params=[320, 1280])
def width(request):
    return request.param


@pytest.fixture(params=["light", "dark"])
def view(request, width):
    """Options for a browser profile: scheme and size."""
    height = {320: 640, 1280: 800}[width]
    return {"color_scheme": request.param, "viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}


@pytest.fixture
def check(view, width):
    """A function that checks a page's state, and keeps a screenshot of it."""

    def check(chat, name):
        found = Axe().run(chat.page)
        assert not found.response["violations"], found.generate_report()
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
        chat.page.screenshot(path=SCREENSHOTS / f"{name}-{view['color_scheme']}-{width}.png")

    return check


def hold_a_conversation(chat, fake_chat):
    start = fake_chat.now() - 3 * 24 * 60 * MINUTE
    for number in range(60):
        text = f"An older message, the {number}th of many"
        fake_chat.keep(text, at=start + number * MINUTE, name="Ada", key=key_of("Ada"))
    chat.page.reload()
    chat.wait_for_state("Connected")
    chat.eventually(lambda: chat.count, 50)
    for count, (who, text) in enumerate(CONVERSATION, start=51):
        if who == "me":
            chat.write(text)
        else:
            deliver(fake_chat, text, name=who, key=key_of(who))
        chat.eventually(lambda: chat.count, count)


def test_conversation(open_page, fake_chat, page_for, view, check):
    chat = open_page(page_for(fake_chat.url), **view)
    chat.eventually(lambda: chat.page.locator("#empty").is_visible(), True)
    check(chat, "empty")
    hold_a_conversation(chat, fake_chat)
    clients = [ChatClient(fake_chat.url, name=name, key=key_of(name)) for name in NAMES]
    for client in clients:
        client.enter()
    chat.eventually(lambda: len(chat.people), 4)
    check(chat, "chat")
    # Repeated, because axe takes longer than a signal lasts.
    ada = {"id": chat_rules.user_id(f"key:{key_of('Ada')}"), "name": "Ada"}
    repeat = "(user) => { window.signals = setInterval(() => roster.signaled({ user, message: { typing: true } }), 1000); }"
    chat.page.evaluate(repeat, ada)
    chat.eventually(lambda: chat.typing, "Ada is typing…")
    check(chat, "typing")
    chat.page.evaluate("clearInterval(signals)")

    chat.page.fill("#message", "too long " * 4000)
    chat.page.keyboard.press("Enter")
    check(chat, "too-long")
    chat.page.fill("#message", "")

    if chat.page.locator("#people").is_hidden():
        chat.page.click("#people-button")
    chat.page.focus("#copy-link")
    check(chat, "people")
    # Without https, the browser denies the clipboard, and the page shows the link.
    chat.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    chat.page.click("#copy-link")
    check(chat, "link")
    chat.page.click("#change-room")
    check(chat, "settings")
    chat.page.fill("#name", "")
    chat.page.fill("#room", "no room")
    chat.page.get_by_role("button", name="Save").click()
    check(chat, "settings-invalid")
    for client in clients:
        client.connection.close()


def test_history(open_page, fake_chat, page_for, view, check):
    start = int(time.time() * 1000) - 30 * 60 * MINUTE
    for number in range(70):
        who = {"name": f"N{number % 3}", "key": f"{number % 3}"}
        fake_chat.keep(f"Message {number}", at=start + number * 30 * MINUTE, **who)
    chat = open_page(page_for(fake_chat.url), **view)
    chat.eventually(lambda: chat.count, 50)
    fake_chat.deliveries.clear()
    chat.page.mouse.move(100, 300)
    for _ in range(20):
        chat.page.mouse.wheel(0, -2000)
    chat.eventually(lambda: chat.page.inner_text("#load-older"), "Loading older messages…")
    chat.page.wait_for_timeout(300)
    check(chat, "loading-older")
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.count, 70)
    for _ in range(20):
        chat.page.mouse.wheel(0, -2000)
    chat.page.wait_for_timeout(300)
    check(chat, "start-of-history")
    deliver(fake_chat, "A new one")
    chat.eventually(lambda: chat.page.locator("#new-messages").is_visible(), True)
    check(chat, "new-messages")


def test_trouble(open_page, fake_chat, page_for, view, check):
    chat = open_page(page_for(fake_chat.url), **view)
    ada = ChatClient(fake_chat.url, name="Ada", key="Ada")
    ada.enter()
    chat.eventually(lambda: chat.notes, ["Ada joined"])
    chat.page.evaluate("roster.typed = () => {}")
    fake_chat.faults["send"].append("invalid")
    chat.write("This one is refused.")
    chat.eventually(lambda: chat.page.locator("#try-again").is_visible(), True)
    check(chat, "refused")
    fake_chat.deliveries.clear()
    chat.write("This one waits for its echo.")
    chat.page.wait_for_timeout(700)  # pending messages are marked after 0.5 s
    check(chat, "waiting")
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.own, ["This one waits for its echo."])
    fake_chat.stop()
    for text in numbered("offline", 2):
        chat.write(text)
    chat.wait_for_state("Reconnecting")
    check(chat, "reconnecting")
    chat.page.get_by_role("button", name="Stop").click()
    check(chat, "stopped")


def test_sign_in(open_page, entrance, fake_chat, issuer, view, check):
    issuer.lifetime = 30
    fake_chat.readers.add("ann")
    chat = open_page(entrance, connected=False, before=quick, **view)
    chat.wait_for_state("Signed out")
    check(chat, "signed-out")
    for text in ("Good morning!", "The functions are up."):
        fake_chat.keep(text, name="Ada", key=key_of("Ada"))
    sign_in(chat)
    chat.eventually(lambda: chat.count, 2)
    check(chat, "read-only")
    chat.page.click("#change-name")
    check(chat, "settings-signed-in")
    chat.page.get_by_role("button", name="Cancel").click()
    fake_chat.readers.clear()
    fake_chat.drop()
    chat.eventually(lambda: chat.page.is_editable("#message"), True)
    fake_chat.faults["send"].append("forbidden")
    chat.write("This one is forbidden.")
    chat.eventually(lambda: chat.page.locator("#discard").is_visible(), True)
    check(chat, "forbidden")
    chat.page.fill("#message", "A draft")
    issuer.revoke()
    fake_chat.drop()
    chat.wait_for_state("Signed out")
    check(chat, "sign-in-expired")


def test_configuration_trouble(open_page, page_server, view, check):
    page_server.configuration = (200, json.dumps({"url": "https://a.example"}).encode())
    chat = open_page(page_server.url, connected=False, **view)
    chat.eventually(lambda: len(chat.notes), 1)
    check(chat, "no-server")
