"""The name, the key and the room: remembered, changed, in the address."""

import json
import re

import pytest
from page_support import change, deliver, numbered, person, query_of, stop_clock


def rooms_with_messages(fake_chat):
    return [room for room, kept in fake_chat.kept.items() if kept]


# ------------------------------------------------------------------ Name and key


def test_name_and_key_are_remembered(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url))
    assert re.fullmatch(r"\w+ \w+", chat.page.inner_text("#you"))
    change(chat, name="  Ann\u202e 😀 ")
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    chat.wait_for_state("Connected")
    assert chat.page.inner_text("#you") == "Ann 😀"
    chat.page.reload()
    chat.wait_for_state("Connected")
    first, second, third = map(query_of, fake_chat.handshakes)
    assert second["name"] == third["name"] == "Ann 😀" != first["name"]
    assert first["key"] == second["key"] == third["key"]
    # 256 random bits.
    assert re.fullmatch(r"[\w-]{43}", first["key"])


def test_profiles_have_different_keys_and_tabs_share_one(open_page, fake_chat, page_for):
    anna, _ = open_page(page_for(fake_chat.url)), open_page(page_for(fake_chat.url))
    tab = anna.page.context.new_page()
    tab.goto(page_for(fake_chat.url))
    anna.eventually(lambda: len(fake_chat.handshakes), 3)
    keys = [query_of(path)["key"] for path in fake_chat.handshakes]
    assert keys[0] == keys[2] != keys[1]
    anna.eventually(lambda: len(anna.people), 2)


def test_message_from_another_tab_is_shown_as_own(open_page, fake_chat, page_for):
    anna = open_page(page_for(fake_chat.url))
    tab = anna.page.context.new_page()
    tab.goto(page_for(fake_chat.url))
    tab.locator("#state-word", has_text="Connected").wait_for()
    tab.fill("#message", "from the other tab")
    tab.keyboard.press("Enter")
    anna.eventually(lambda: anna.own, ["from the other tab"])


def test_each_server_has_a_key_of_its_own(open_page, fake_chat, page_for):
    """A link may lead to another server, which must not learn the key for this one."""
    chat = open_page(page_for(fake_chat.url))
    chat.page.goto(page_for(fake_chat.url.replace("/dev", "/other")))
    chat.wait_for_state("Connected")
    first, second = (query_of(path)["key"] for path in fake_chat.handshakes)
    assert first != second


@pytest.mark.parametrize("key", ["", "short", "with space in the middle of it", "ü" * 43, "x" * 200])
def test_unusable_stored_values_are_replaced(open_page, fake_chat, page_for, key):
    def spoil(page):
        page.add_init_script(f"""
          if (!sessionStorage.spoiled) {{
            sessionStorage.spoiled = 1;
            localStorage.setItem("chat-key {fake_chat.url}", {json.dumps(key)});
            localStorage.setItem("chat-name", "\\u202e \\n");
            localStorage.setItem("chat-room", "no room");
          }}""")

    chat = open_page(page_for(fake_chat.url), before=spoil)
    [query] = map(query_of, fake_chat.handshakes)
    assert re.fullmatch(r"[\w-]{43}", query["key"]) and query["room"] == "lobby"
    assert chat.page.inner_text("#you") == query["name"]


def test_page_works_where_storage_is_denied(open_page, fake_chat, page_for):
    deny = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } })"
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(deny))
    chat.write("hello")
    chat.eventually(lambda: chat.own, ["hello"])
    fake_chat.drop()
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    first, second = (query_of(path)["key"] for path in fake_chat.handshakes)
    assert first == second


def test_new_name_reconnects_quietly(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url), before=stop_clock)
    other = open_page(page_for(fake_chat.url))
    chat.step = 20
    before = chat.page.inner_text("#you")
    chat.write("one")
    chat.eventually(lambda: chat.own, ["one"])
    change(chat, name="Ann")
    chat.eventually(lambda: len(fake_chat.handshakes), 3)
    chat.wait_for_state("Connected")
    chat.write("two")
    chat.eventually(lambda: chat.own, ["one", "two"])
    assert chat.notes == [f"{other.page.inner_text('#you')} joined"], "no line about the own connection"
    other.eventually(lambda: other.notes, [f"{before} is now Ann"])
    other.eventually(lambda: sorted(other.people)[0], "Ann")


# ------------------------------------------------------------------ Rooms


def test_room_in_the_address_is_entered(open_page, fake_chat, page_for):
    chat = open_page(f"{page_for(fake_chat.url)}#kitchen")
    chat.write("in the kitchen")
    chat.eventually(lambda: chat.own, ["in the kitchen"])
    assert [query_of(path)["room"] for path in fake_chat.handshakes] == ["kitchen"]
    assert chat.page.inner_text("#title") == "kitchen" and chat.page.title() == "kitchen – Chat"
    assert rooms_with_messages(fake_chat) == ["kitchen"]


def test_address_without_a_room_leads_to_the_last_one(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url))
    assert chat.page.url.endswith("#lobby")
    change(chat, room="Kitchen_2.b-c")
    chat.eventually(lambda: chat.page.url.endswith("#Kitchen_2.b-c"), True)
    chat.wait_for_state("Connected")
    chat.page.goto("about:blank")
    chat.page.goto(page_for(fake_chat.url))
    chat.wait_for_state("Connected")
    assert chat.page.url.endswith("#Kitchen_2.b-c")
    assert [query_of(path)["room"] for path in fake_chat.handshakes] == ["lobby", "Kitchen_2.b-c", "Kitchen_2.b-c"]


@pytest.mark.parametrize("room", ["a b", "a%20b", "%", "ü", "x" * 65, "<b>", "a&name=x", "a/b", "%00", "%F0%9F"])
def test_invalid_room_in_the_address_is_not_entered(open_page, fake_chat, page_for, room):
    chat = open_page(f"{page_for(fake_chat.url)}#{room}")
    assert [query_of(path)["room"] for path in fake_chat.handshakes] == ["lobby"]
    chat.eventually(lambda: len(chat.notes), 1)
    assert chat.notes[0].startswith("The address has no valid room.")
    assert chat.page.url.endswith("#lobby")


def test_change_of_room_shows_that_room_alone(open_page, fake_chat, page_for):
    fake_chat.keep("kitchen's history", room="kitchen")
    bob = person(fake_chat, "Bob")
    chat = open_page(page_for(fake_chat.url))
    chat.write("in the lobby")
    chat.eventually(lambda: chat.own, ["in the lobby"])
    chat.eventually(lambda: len(chat.people), 2)
    chat.page.evaluate("location.hash = 'kitchen'")
    chat.eventually(lambda: chat.messages, ["kitchen's history"])
    chat.eventually(lambda: len(chat.people), 1)
    assert bob.next("presence", where=lambda frame: frame["event"] == "leave")["count"] == 1
    deliver(fake_chat, "still in the lobby")
    deliver(fake_chat, "in the kitchen", room="kitchen")
    chat.eventually(lambda: chat.messages, ["kitchen's history", "in the kitchen"])
    chat.page.go_back()
    chat.eventually(lambda: chat.messages, ["in the lobby"])
    assert chat.page.inner_text("#title") == "lobby"


def test_pending_messages_and_drafts_stay_in_their_room(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url))
    fake_chat.stop()
    chat.wait_for_state("Reconnecting")
    for text in numbered("for the lobby", 2):
        chat.write(text)
    chat.page.fill("#message", "a draft")
    chat.page.evaluate("location.hash = 'kitchen'")
    chat.eventually(lambda: chat.notes, ["2 messages in lobby will be sent when you return there."])
    assert chat.waiting == [] and chat.page.input_value("#message") == ""
    chat.write("for the kitchen")
    fake_chat.start()
    chat.eventually(lambda: chat.own, ["for the kitchen"])
    assert rooms_with_messages(fake_chat) == ["kitchen"]
    chat.page.evaluate("location.hash = 'lobby'")
    chat.eventually(lambda: chat.own, numbered("for the lobby", 2))
    assert chat.page.input_value("#message") == "a draft" and chat.waiting == []


def test_link_to_the_room_is_copied(open_page, fake_chat, page_for):
    chat = open_page(f"{page_for(fake_chat.url)}#kitchen", permissions=["clipboard-read", "clipboard-write"])
    chat.page.click("#people-button")
    chat.page.click("#copy-link")
    chat.eventually(lambda: chat.page.inner_text("#copy-link"), "Link copied")
    link = chat.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{page_for(fake_chat.url)}#kitchen"
    key = query_of(fake_chat.handshakes[0])["key"]
    assert key not in link and key not in chat.page.content()
    other = open_page(link)
    assert other.page.inner_text("#title") == "kitchen"
