"""The page in a browser: chatting, keyboard, screen readers and appearance."""

import json
import re

import pytest
from chat_client import ChatClient
from fake_chat_rooms import SILENCE
from page_support import deliver, sends, texts_of

# ------------------------------------------------------------------ Chatting


def test_messages_appear_in_both_pages(stack, open_page):
    anna, ben = open_page(f"{stack.page_url}#chatting"), open_page(f"{stack.page_url}#chatting")
    anna.write("Hello, is anybody here?")
    ben.eventually(lambda: ben.messages, ["Hello, is anybody here?"])
    ben.write("I am.")
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["Hello, is anybody here?", "I am."])
    assert anna.own == ["Hello, is anybody here?"] and ben.own == ["I am."]
    assert anna.waiting == ben.waiting == []
    assert ben.page.inner_text("#messages .message:not(.own) .name") == anna.page.inner_text("#you")
    assert re.search(r"\d", anna.page.inner_text("#messages .message time"))


def test_page_and_protocol_client_understand_each_other(stack, open_page):
    chat = open_page(f"{stack.page_url}#clients")
    with ChatClient(stack.websocket_url, "clients", "Bob", "bobs-key") as bob:
        bob.enter()
        bob.send("from a client")
        bob.send({"other": ["JSON"]})
        chat.eventually(lambda: chat.messages, ["from a client", '{"other": ["JSON"]}'.replace(" ", "")])
        chat.write("from the page")
        frame = bob.next("message", where=lambda frame: frame.get("clientId") and frame["clientId"] != "typing")
    assert frame["message"] == "from the page"
    assert frame["from"]["name"] == chat.page.inner_text("#you")


def test_enter_sends_and_shift_enter_inserts_a_line_break(chat):
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
def test_enter_during_a_composition_does_not_send(chat, fake_chat, composing):
    """Safari clears isComposing before the event; only keyCode shows the composition."""
    chat.page.fill("#message", "日本")
    event = f"new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, cancelable: true, {composing} }})"
    # True if the default action, which ends the composition, is not prevented.
    assert chat.page.evaluate(f"document.getElementById('message').dispatchEvent({event})")
    chat.page.wait_for_timeout(200)
    assert sends(fake_chat.received) == [] and chat.page.input_value("#message") == "日本"
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.messages, ["日本"])


def test_stop_disconnects_and_start_reconnects(open_page, fake_chat, page_for):
    anna, ben = open_page(page_for(fake_chat.url)), open_page(page_for(fake_chat.url))
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
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, ["can you hear me?", "later"])
    assert anna.own == ["later"]


# ------------------------------------------------------------------ Accessibility


def focused(chat):
    return chat.page.evaluate("document.activeElement.id || document.activeElement.textContent")


def tab_order(chat, first, count):
    """Returns the elements that Tab visits. Each must show that it has the focus."""
    chat.page.focus(first)
    order = []
    for _ in range(count):
        order.append(focused(chat))
        outline = chat.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"{order[-1]} has no visible focus"
        chat.page.keyboard.press("Tab")
    return order


def test_page_is_usable_with_the_keyboard_alone(chat):
    assert focused(chat) == "message"
    order = ["people-button", "start", "stop", "chat-box", "message", "Send", "change-name"]
    assert tab_order(chat, "#people-button", len(order)) == order
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
    assert focused(chat) == "message"


def test_people_list_opens_and_closes_by_keyboard(chat):
    """At 800 pixels, the list replaces the conversation."""
    chat.page.focus("#people-button")
    chat.page.keyboard.press("Enter")
    assert focused(chat) == "people-title"
    assert chat.page.get_attribute("#people-button", "aria-expanded") == "true"
    order = ["close-people", "people-box", "copy-link", "change-room", "message"]
    assert tab_order(chat, "#close-people", len(order)) == order, "the hidden conversation is skipped"
    chat.page.focus("#copy-link")
    chat.page.keyboard.press("Escape")
    assert focused(chat) == "people-button"
    assert chat.page.get_attribute("#people-button", "aria-expanded") == "false"
    assert chat.page.locator("#people").is_hidden() and chat.page.locator("#chat-box").is_visible()


def test_dialog_returns_the_focus(chat):
    chat.page.focus("#change-name")
    chat.page.keyboard.press("Enter")
    assert focused(chat) == "name"
    for _ in range(6):
        chat.page.keyboard.press("Tab")
        assert chat.page.evaluate("document.activeElement.closest('dialog, body').tagName") in ("DIALOG", "BODY")
    chat.page.keyboard.press("Escape")
    assert focused(chat) == "change-name"


def test_elements_have_roles_and_names_for_screen_readers(chat, fake_chat):
    assert chat.page.get_by_role("log", name="Messages").count() == 1
    assert chat.page.get_by_role("textbox", name="Message").count() == 1
    assert chat.page.get_by_role("heading", name="lobby").count() == 1
    assert chat.page.get_by_role("status").inner_text().strip() == "Connected"
    # Otherwise, screen readers would announce every second of the countdown.
    assert chat.page.get_attribute("#countdown", "aria-hidden") == "true"
    chat.write("mine")
    chat.eventually(lambda: chat.messages, ["mine"])
    assert chat.page.inner_text("#messages .own .name") == "You"
    chat.eventually(lambda: chat.page.get_by_role("button", name="1 person").count(), 1)
    chat.page.click("#people-button")
    assert chat.page.get_by_role("complementary", name="1 person here").get_by_role("listitem").count() == 1
    chat.page.click("#change-room")
    dialog = chat.page.get_by_role("dialog", name="Name and room")
    dialog.get_by_role("textbox", name="Your name").fill(" ")
    dialog.get_by_role("textbox", name="Room").fill("no spaces")
    dialog.get_by_role("button", name="Save").click()
    assert focused(chat) == "name"
    assert chat.page.get_attribute("#name", "aria-invalid") == "true"
    assert chat.page.inner_text("#name-error") == "Enter a name."
    assert chat.page.inner_text("#room-error").startswith("A room has 1 to 64")


def test_new_messages_are_announced_and_old_ones_are_not(open_page, fake_chat, page_for):
    for number in range(3):
        fake_chat.keep(f"old {number}")
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.count, 3)
    # Screen readers must not read the conversation again when old messages are added to it.
    assert chat.page.get_attribute("#chat-box", "aria-live") == "off"
    assert chat.page.locator("#announcer").get_attribute("aria-live") == "polite"
    announced = lambda: chat.texts("#announcer p")  # noqa: E731
    deliver(fake_chat, "hello")
    chat.eventually(announced, ["Bob: hello"])
    chat.write("mine")
    chat.eventually(lambda: chat.own, ["mine"])
    fake_chat.deliveries.clear()
    deliver(fake_chat, *(f"flood {number}" for number in range(50)))
    fake_chat.deliveries.set()
    chat.eventually(announced, lambda texts: sum(int(text.split()[0]) for text in texts if "new messages" in text) > 40)
    assert "old" not in str(announced()) and "mine" not in str(announced())


def test_reduced_motion_disables_animations(open_page, fake_chat, page_for):
    for motion, expected in (("no-preference", "arrive"), ("reduce", "none")):
        chat = open_page(page_for(fake_chat.url), reduced_motion=motion)
        deliver(fake_chat, "x")
        chat.eventually(lambda: chat.messages, ["x"])
        assert (
            chat.page.locator("#messages .message").evaluate("node => getComputedStyle(node).animationName") == expected
        )


# ------------------------------------------------------------------ Names on the wire


@pytest.mark.parametrize(
    "extra",
    [
        {"from": {"id": "ANNS-ID", "name": "Anna"}},
        {"id": "ANNS-MESSAGE"},
        {"user": {"id": "ANNS-ID", "name": "Anna"}, "name": "Anna", "key": "annas-key"},
        {"type": "message", "room": "lobby", "at": "2026-01-01T00:00:00.000Z"},
    ],
)
def test_page_shows_the_sender_that_the_server_stamped(open_page, fake_chat, page_for, extra):
    anna = open_page(page_for(fake_chat.url))
    anna.write("I am Anna")
    anna.eventually(lambda: anna.own, ["I am Anna"])
    [(message_id, frame)] = fake_chat.kept["lobby"]
    own_id = json.loads(frame)["from"]["id"]
    claims = json.loads(json.dumps(extra).replace("ANNS-ID", own_id).replace("ANNS-MESSAGE", message_id))
    mallory = ChatClient(fake_chat.url, name="Mallory", key="m")
    [client_id] = [sent["clientId"] for sent in sends(anna.sent)]
    mallory.send_text(json.dumps({"action": "send", "clientId": client_id, "message": "I owe you 100", **claims}))
    # Frames of the server, sent by a client: refused.
    mallory.send_text(frame.replace("I am Anna", "replayed"))
    mallory.send_text(json.dumps({"type": "entered", "you": {"id": "x", "name": "X"}, "messages": [], "more": False}))
    mallory.send_text('{"message":"end"}')
    anna.eventually(lambda: anna.messages, ["I am Anna", "I owe you 100", "end"])
    assert anna.own == ["I am Anna"]
    assert anna.page.locator("#messages .message:not(.own) .name").all_text_contents() == ["Mallory", "Someone"]
    assert texts_of(anna.sent) == ["I am Anna"]


def test_message_of_another_person_does_not_confirm_an_own_one(chat, fake_chat):
    fake_chat.faults["send"].append(SILENCE)
    chat.write("mine")
    chat.eventually(lambda: len(sends(chat.sent)), 1)
    with ChatClient(fake_chat.url, name="Mallory", key="m") as mallory:
        mallory.send("not mine", sends(chat.sent)[0]["clientId"])
        chat.eventually(lambda: chat.messages, ["not mine"])
    assert chat.own == [] and chat.waiting == ["mine"]


def test_second_person_of_a_name_is_numbered_everywhere(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url))
    name = chat.page.inner_text("#you")
    deliver(fake_chat, "it is me", name=name, key="mallory")
    chat.eventually(lambda: chat.messages, ["it is me"])
    assert chat.page.locator("#messages .message:not(.own) .name").all_text_contents() == [f"{name} (2)"]
    with ChatClient(fake_chat.url, name=name, key="mallory") as mallory:
        mallory.enter()
        chat.eventually(lambda: chat.people, [f"{name} (you)", f"{name} (2)"])
        chat.eventually(lambda: chat.notes, [f"{name} (2) joined"])
