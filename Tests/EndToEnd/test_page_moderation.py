"""What a person may not do in the page: write in a room, write too fast, see a deleted message."""

import json
import time

import chat_rules
import pytest
from fake_chat_rooms import RateLimited
from page_support import deliver, sends, texts_of

# ------------------------------------------------------------------ Read-only rooms


def test_reader_cannot_write_and_is_told_why(open_page, fake_chat, page_for):
    fake_chat.readers.add(chat_rules.user_id(f"key:{'k' * 43}"))
    remember = f"localStorage.setItem('chat-key {fake_chat.url}', '{'k' * 43}')"
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(remember))
    field = chat.page.locator("#message")
    assert not field.is_editable() and chat.page.is_disabled("#composer button")
    assert chat.page.inner_text("#restriction") == "You may read this room, not write in it."
    chat.page.keyboard.press("Enter")
    deliver(fake_chat, "for readers")
    chat.eventually(lambda: chat.messages, ["for readers"])
    assert sends(chat.sent) == []
    # The restriction is the room's, and ends with it.
    fake_chat.readers.clear()
    fake_chat.drop()
    chat.eventually(lambda: field.is_editable(), True)
    assert chat.page.inner_text("#restriction") == ""


def test_draft_survives_a_restriction(chat, fake_chat):
    chat.page.fill("#message", "a draft")
    fake_chat.readers.add(fake_chat.members[0].user_id)
    fake_chat.drop()
    chat.eventually(lambda: chat.page.is_editable("#message"), False)
    assert chat.page.input_value("#message") == "a draft"
    chat.page.focus("#message")
    chat.page.keyboard.press("Enter")
    chat.page.wait_for_timeout(200)
    assert chat.waiting == [] and sends(chat.sent) == []


def test_forbidden_message_has_a_reason_and_no_retry(chat, fake_chat):
    fake_chat.faults["send"].append("forbidden")
    chat.write("no")
    chat.eventually(lambda: chat.notes, ["A message was not sent: refused by the test: forbidden"])
    assert chat.page.locator("#outbox .failed").count() == 1
    assert chat.page.locator("#try-again").is_hidden()
    chat.page.get_by_role("button", name="Discard").click()
    assert chat.waiting == []


def test_retry_sends_only_what_is_not_forbidden(chat, fake_chat):
    fake_chat.faults["send"] += ["forbidden", "invalid"]
    for text in ("no", "maybe"):
        chat.write(text)
    chat.eventually(lambda: chat.page.locator("#outbox .failed").count(), 2)
    chat.page.get_by_role("button", name="Try again").click()
    chat.eventually(lambda: chat.own, ["maybe"])
    assert chat.waiting == ["no"] and texts_of(fake_chat.received) == ["no", "maybe", "maybe"]


# ------------------------------------------------------------------ Rate limit


def test_limited_message_is_sent_again_after_the_servers_time_in_order(chat, fake_chat):
    chat.page.evaluate("roster.typed = () => {}")
    fake_chat.faults["send"] += [RateLimited(600)] * 7
    start = time.monotonic()
    for text in ("one", "two", "three"):
        chat.write(text)
    assert chat.page.text_content("#delivery-text") == "Sending…"
    chat.eventually(lambda: chat.own, ["one", "two", "three"])
    assert time.monotonic() - start >= 7 * 0.6
    assert texts_of(fake_chat.received) == ["one"] * 8 + ["two", "three"]
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == ["one", "two", "three"]
    assert chat.notes == [], "not a failure, however often"


@pytest.mark.parametrize("retry_after", ["soon", -1, 1.5, None])
def test_unreadable_time_leaves_the_backoff(blank_tab, retry_after):
    frame = {"type": "error", "code": "rate_limited", "message": "x", "clientId": "1", "retryAfterMs": retry_after}
    assert blank_tab.evaluate("frame => readFrame(frame).retryAfter", json.dumps(frame)) is None


def test_servers_time_has_a_limit(blank_tab):
    frame = {"type": "error", "code": "rate_limited", "message": "x", "clientId": "1", "retryAfterMs": 10**12}
    assert blank_tab.evaluate("frame => readFrame(frame).retryAfter", json.dumps(frame)) == 60_000


# ------------------------------------------------------------------ Deleted messages


def test_deleted_message_disappears_quietly(open_page, fake_chat, page_for):
    ids = [fake_chat.keep(text) for text in ("one", "two", "three")]
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.messages, ["one", "two", "three"])
    fake_chat.delete(ids[1])
    chat.eventually(lambda: chat.messages, ["one", "three"])
    chat.page.wait_for_timeout(700)
    assert chat.notes == [] and chat.texts("#announcer p") == []
    fake_chat.delete(ids[0])
    fake_chat.delete(ids[2])
    chat.eventually(lambda: chat.page.locator("#empty").is_visible(), True)
    assert chat.page.locator("#messages .day").count() == 0


def test_catch_up_does_not_bring_a_deleted_message_back(chat, fake_chat):
    message_id = fake_chat.keep("unwanted", deliver=True)
    chat.eventually(lambda: chat.messages, ["unwanted"])
    kept = list(fake_chat.kept["lobby"])
    fake_chat.delete(message_id)
    chat.eventually(lambda: chat.messages, [])
    # A read of the table may still return it.
    fake_chat.kept["lobby"] = kept
    fake_chat.drop()
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    fake_chat.keep("after", deliver=True)
    chat.eventually(lambda: chat.messages, ["after"])


def test_deletion_that_overtakes_its_message_counts(chat, fake_chat):
    message_id = fake_chat.keep("unwanted")
    frame = fake_chat.kept["lobby"][0][1]
    fake_chat.delete(message_id)
    fake_chat.say(frame)
    deliver(fake_chat, "after")
    chat.eventually(lambda: chat.messages, ["after"])


def test_own_message_that_is_deleted_before_its_echo_is_not_sent_again(chat, fake_chat):
    fake_chat.deliveries.clear()
    chat.write("hasty")
    chat.eventually(lambda: len(fake_chat.kept["lobby"]), 1)
    # The deletion arrives first.
    echo = fake_chat.kept["lobby"][0]
    for member in fake_chat.chosen(lambda member: True):
        member.connection.send(json.dumps({"type": "deleted", "id": echo[0]}))
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.waiting, [])
    assert chat.messages == [] and texts_of(fake_chat.received) == ["hasty"]


def test_day_and_sender_of_a_deleted_message_pass_to_the_next(open_page, fake_chat, page_for):
    minute = 60_000
    start = fake_chat.now() - 24 * 60 * minute
    first = fake_chat.keep("first", at=start)
    fake_chat.keep("second", at=start + 1)
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.messages, ["first", "second"])
    assert chat.page.locator("#messages .message.follows").count() == 1
    fake_chat.delete(first)
    chat.eventually(lambda: chat.messages, ["second"])
    assert chat.page.locator("#messages .day").count() == 1
    assert chat.page.locator("#messages .message.follows").count() == 0


def test_focus_in_a_deleted_message_moves_to_the_conversation(chat, fake_chat):
    message_id = fake_chat.keep("https://swift.org/", deliver=True)
    chat.eventually(lambda: chat.count, 1)
    chat.page.focus("#messages a")
    fake_chat.delete(message_id)
    chat.eventually(lambda: chat.messages, [])
    assert chat.page.evaluate("document.activeElement.id") == "chat-box"


@pytest.mark.parametrize("frame", [{"type": "deleted"}, {"type": "deleted", "id": 5}, {"type": "deleted", "id": "x"}])
def test_malformed_deletion_is_ignored(blank_tab, frame):
    assert blank_tab.evaluate("frame => readFrame(frame).kind", json.dumps(frame)) == "nothing"
