"""The page as people see it in a browser: chatting, the keyboard, screen readers, how it looks."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_support import ROOT

# ------------------------------------------------------------------ Chatting


def test_two_people_chat(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    anna.write("Hello, is anybody here?")
    ben.eventually(lambda: ben.messages, ["Hello, is anybody here?"])
    ben.write("I am.")
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["Hello, is anybody here?", "I am."])
    assert anna.own == ["Hello, is anybody here?"] and ben.own == ["I am."]
    assert anna.waiting == ben.waiting == []
    assert anna.notes == ben.notes == []
    # Each sees the other under the name that the other sees as his own.
    assert anna.page.inner_text("#you").startswith(
        "You are " + ben.page.inner_text("#messages .message:not(.own) .name")
    )
    assert re.search(r"\d", anna.page.inner_text("#messages .message time"))


def test_frames_of_the_seed_s_own_page_are_messages(stack, open_page):
    chat = open_page(stack.page_url)
    with stack.connect() as other:
        other.send('{"message":"from an older page"}')
        other.send('{"message":"from an older page"}')
        chat.eventually(lambda: chat.messages, ["from an older page"] * 2)
        chat.write("hi")
        frames = [other.recv(5) for _ in range(5)]
    [frame] = [json.loads(frame) for frame in frames if "hi" in frame]
    assert frame["message"] == "hi"
    assert "action" not in frame, "a message with an action could take another route"


def test_enter_sends_and_shift_enter_breaks_the_line(stack, open_page):
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
    assert chat.messages == ["one\n  two"], "nothing is sent for an empty field"


@pytest.mark.parametrize("composing", ["isComposing: true", "keyCode: 229", "isComposing: true, keyCode: 229"])
def test_enter_that_ends_a_composition_does_not_send(chat, gateway, composing):
    """In Safari the composition has ended when the key arrives: only the key code tells."""
    chat.page.fill("#message", "日本")
    event = f"new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, cancelable: true, {composing} }})"
    # True: the browser still handles the key, which ends the composition.
    assert chat.page.evaluate(f"document.getElementById('message').dispatchEvent({event})")
    chat.page.wait_for_timeout(200)
    assert gateway.received == [] and chat.page.input_value("#message") == "日本"
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.messages, ["日本"])


def test_stop_ends_and_start_takes_up_again(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    anna.page.get_by_role("button", name="Stop").click()
    anna.wait_for_state("Stopped")
    ben.write("can you hear me?")
    ben.eventually(lambda: ben.messages, ["can you hear me?"])
    anna.write("later")
    anna.page.wait_for_timeout(2000)
    assert anna.state == "Stopped" and anna.messages == [] and anna.waiting == ["later"]
    assert "waiting for Start" in anna.page.inner_text("#delivery")
    anna.page.get_by_role("button", name="Start").click()
    anna.wait_for_state("Connected")
    ben.eventually(lambda: ben.messages, ["can you hear me?", "later"])
    assert anna.own == ["later"]


# ------------------------------------------------------------------ For everybody


def test_by_keyboard_alone(stack, open_page):
    chat = open_page(stack.page_url)
    focused = "document.activeElement.id || document.activeElement.textContent"
    assert chat.page.evaluate(focused) == "message"
    chat.page.focus("#start")
    order = []
    for _ in range(5):
        order.append(chat.page.evaluate(focused))
        outline = chat.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"the focus on {order[-1]} is not to be seen"
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


def test_a_screen_reader_finds_its_way(stack, open_page):
    chat = open_page(stack.page_url)
    assert chat.page.get_by_role("log", name="Messages").count() == 1
    assert chat.page.get_by_role("textbox", name="Message").count() == 1
    assert chat.page.get_by_role("heading", name="Chat").count() == 1
    assert chat.page.get_by_role("status").inner_text().strip() == "Connected"
    # Each second of the count-down would be read out otherwise.
    assert chat.page.get_attribute("#countdown", "aria-hidden") == "true"
    chat.write("mine")
    chat.eventually(lambda: chat.messages, ["mine"])
    assert chat.page.inner_text("#messages .own .name") == "You"


def test_no_motion_for_those_who_asked_for_none(stack, open_page):
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
def test_looks_right_and_is_accessible(open_page, gateway, stack, scheme, width, page_for):
    view = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": {320: 640, 1280: 800}[width]},
        "reduced_motion": "reduce",
    }
    screenshots = ROOT / "dist" / "screenshots"

    def looks_right(chat, name):
        assert_accessible(chat)
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
        chat.page.screenshot(path=screenshots / f"{name}-{scheme}-{width}.png")

    chat = open_page(stack.page_url, **view)
    looks_right(chat, "empty")
    hold_a_conversation(chat, stack)
    looks_right(chat, "chat")
    chat.page.fill("#message", "too long " * 4000)
    chat.page.keyboard.press("Enter")
    looks_right(chat, "too-long")

    troubled = open_page(page_for(gateway.url), **view)
    for number in range(20):
        gateway.say({"message": f"An older message, the {number}th of many", "from": f"{number // 2}"})
    gateway.say({"message": "Internal server error", "connectionId": "c", "requestId": "r"})
    troubled.eventually(lambda: len(troubled.notes), 1)
    gateway.answer = lambda connection, frame: None
    troubled.write("This one waits for its echo.")
    troubled.eventually(lambda: troubled.page.locator("#delivery").is_visible(), True)
    troubled.page.wait_for_timeout(500)  # only what waits longer looks like it
    looks_right(troubled, "waiting")
    troubled.page.mouse.move(100, 300)
    troubled.page.mouse.wheel(0, -500)
    troubled.page.wait_for_timeout(300)
    gateway.say({"message": "A new one"})
    troubled.eventually(lambda: troubled.page.locator("#new-messages").is_visible(), True)
    gateway.server.shutdown()
    for connection in list(gateway.connections):
        connection.close()
    troubled.wait_for_state("Reconnecting")
    looks_right(troubled, "reconnecting")
