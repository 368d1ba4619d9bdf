"""The page in a browser: chatting, keyboard, screen readers and appearance."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_support import ROOT

# ------------------------------------------------------------------ Chatting


def test_messages_appear_in_both_pages(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    anna.write("Hello, is anybody here?")
    ben.eventually(lambda: ben.messages, ["Hello, is anybody here?"])
    ben.write("I am.")
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["Hello, is anybody here?", "I am."])
    assert anna.own == ["Hello, is anybody here?"] and ben.own == ["I am."]
    assert anna.waiting == ben.waiting == []
    assert anna.notes == ben.notes == []
    # Both pages derive the same name for Anna.
    assert anna.page.inner_text("#you").startswith(
        "You are " + ben.page.inner_text("#messages .message:not(.own) .name")
    )
    assert re.search(r"\d", anna.page.inner_text("#messages .message time"))


def test_frames_without_an_id_are_messages(stack, open_page):
    chat = open_page(stack.page_url)
    with stack.connect() as other:
        other.send('{"message":"without an id"}')
        other.send('{"message":"without an id"}')
        chat.eventually(lambda: chat.messages, ["without an id"] * 2)
        chat.write("hi")
        frames = [other.recv(5) for _ in range(5)]
    [frame] = [json.loads(frame) for frame in frames if "hi" in frame]
    assert frame["message"] == "hi"
    assert "action" not in frame, "an action would select another route"


def test_enter_sends_and_shift_enter_inserts_a_line_break(stack, open_page):
    chat = open_page(stack.page_url)
    chat.page.keyboard.type("one")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.type("  two")
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.messages, ["one\n  two"])
    assert chat.page.locator("#messages .text").evaluate("node => node.offsetHeight") > 40
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.type("   ")
    chat.page.keyboard.press("Enter")
    chat.page.wait_for_timeout(300)
    assert chat.messages == ["one\n  two"], "an empty field is not sent"


@pytest.mark.parametrize("composing", ["isComposing: true", "keyCode: 229", "isComposing: true, keyCode: 229"])
def test_enter_during_a_composition_does_not_send(chat, gateway, composing):
    """Safari clears isComposing before the event; only keyCode shows the composition."""
    chat.page.fill("#message", "日本")
    event = f"new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, cancelable: true, {composing} }})"
    # True if the default action, which ends the composition, is not prevented.
    assert chat.page.evaluate(f"document.getElementById('message').dispatchEvent({event})")
    chat.page.wait_for_timeout(200)
    assert gateway.received == [] and chat.page.input_value("#message") == "日本"
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.messages, ["日本"])


def test_stop_disconnects_and_start_reconnects(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    anna.page.get_by_role("button", name="Stop").click()
    anna.wait_for_state("Stopped")
    ben.write("can you hear me?")
    ben.eventually(lambda: ben.messages, ["can you hear me?"])
    anna.write("later")
    anna.page.wait_for_timeout(2000)
    assert anna.state == "Stopped" and anna.messages == [] and anna.waiting == ["later"]
    assert "1 message waiting until you press Start" in anna.page.inner_text("#delivery")
    anna.page.get_by_role("button", name="Start").click()
    anna.wait_for_state("Connected")
    ben.eventually(lambda: ben.messages, ["can you hear me?", "later"])
    assert anna.own == ["later"]


# ------------------------------------------------------------------ Accessibility and appearance


def test_page_is_usable_with_the_keyboard_alone(stack, open_page):
    chat = open_page(stack.page_url)
    focused = "document.activeElement.id || document.activeElement.textContent"
    assert chat.page.evaluate(focused) == "message"
    chat.page.focus("#start")
    order = []
    for _ in range(5):
        order.append(chat.page.evaluate(focused))
        outline = chat.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"{order[-1]} has no visible focus"
        chat.page.keyboard.press("Tab")
    assert order == ["start", "stop", "chat-box", "message", "Send"]
    chat.page.focus("#stop")
    chat.page.keyboard.press("Enter")
    chat.wait_for_state("Stopped")
    chat.page.focus("#start")
    chat.page.keyboard.press("Space")
    chat.wait_for_state("Connected")
    chat.page.focus("#message")
    chat.page.keyboard.type("no mouse")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.messages, ["no mouse"])
    assert chat.page.evaluate(focused) == "message"


def test_elements_have_roles_and_names_for_screen_readers(stack, open_page):
    chat = open_page(stack.page_url)
    assert chat.page.get_by_role("log", name="Messages").count() == 1
    assert chat.page.get_by_role("textbox", name="Message").count() == 1
    assert chat.page.get_by_role("heading", name="Chat").count() == 1
    assert chat.page.get_by_role("status").inner_text().strip() == "Connected"
    # Otherwise, screen readers would announce every second of the countdown.
    assert chat.page.get_attribute("#countdown", "aria-hidden") == "true"
    chat.write("mine")
    chat.eventually(lambda: chat.messages, ["mine"])
    assert chat.page.inner_text("#messages .own .name") == "You"


def test_reduced_motion_disables_animations(stack, open_page):
    for motion, expected in (("no-preference", "arrive"), ("reduce", "none")):
        chat = open_page(stack.page_url, reduced_motion=motion)
        with stack.connect() as other:
            other.send('{"message":"x"}')
            chat.eventually(lambda: chat.messages, ["x"])
        assert (
            chat.page.locator("#messages .message").evaluate("node => getComputedStyle(node).animationName") == expected
        )


CONVERSATION = [
    ("ada", "Good morning! The three functions are up."),
    ("me", "Morning. All from the same zip?"),
    ("ada", "Yes, one bootstrap: the handler picks the route.\nThe toolchain: https://www.swift.org/install/linux/"),
    ("sam", "صباح الخير"),
    ("me", "Then I will break something on purpose."),
    ("me", "<img src=x onerror=alert(1)>"),
    ("sam", "Shown as text. " + "Aah" * 30 + "!"),
]  # fmt: skip


def hold_a_conversation(chat, stack):
    with stack.connect() as other:
        for count, (who, text) in enumerate(CONVERSATION, start=1):
            if who == "me":
                chat.write(text)
            else:
                other.send(json.dumps({"message": text, "from": who}))
            chat.eventually(lambda: len(chat.messages), count)


def assert_accessible(chat):
    found = Axe().run(chat.page)
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_its_width_and_is_accessible(open_page, gateway, stack, scheme, width, page_for):
    view = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": {320: 640, 1280: 800}[width]},
        "reduced_motion": "reduce",
    }
    screenshots = ROOT / "dist" / "screenshots"

    def check(chat, name):
        assert_accessible(chat)
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
        chat.page.screenshot(path=screenshots / f"{name}-{scheme}-{width}.png")

    chat = open_page(stack.page_url, **view)
    check(chat, "empty")
    hold_a_conversation(chat, stack)
    check(chat, "chat")
    chat.page.fill("#message", "too long " * 4000)
    chat.page.keyboard.press("Enter")
    check(chat, "too-long")

    troubled = open_page(page_for(gateway.url), **view)
    for number in range(20):
        gateway.say({"message": f"An older message, the {number}th of many", "from": f"{number // 2}"})
    gateway.say({"message": "Internal server error", "connectionId": "c", "requestId": "r"})
    troubled.eventually(lambda: len(troubled.notes), 1)
    gateway.answer = lambda connection, frame: None
    troubled.write("This one waits for its echo.")
    troubled.eventually(lambda: troubled.page.locator("#delivery").is_visible(), True)
    troubled.page.wait_for_timeout(500)  # pending messages are marked after 0.5 s
    check(troubled, "waiting")
    troubled.page.mouse.move(100, 300)
    troubled.page.mouse.wheel(0, -500)
    troubled.page.wait_for_timeout(300)
    gateway.say({"message": "A new one"})
    troubled.eventually(lambda: troubled.page.locator("#new-messages").is_visible(), True)
    gateway.server.shutdown()
    for connection in list(gateway.connections):
        connection.close()
    troubled.wait_for_state("Reconnecting")
    check(troubled, "reconnecting")
