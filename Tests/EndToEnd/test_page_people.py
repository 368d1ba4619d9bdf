"""Rooms and people in the page: names, the list, presence lines, the typing indicator, links."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from chat_client import ChatClient
from page_support import deliver, drop_every_connection, numbered, stop_clock


def query_of(path):
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def change(chat, **fields):
    """Saves new values in the dialog."""
    chat.page.click("#change-name")
    for field, value in fields.items():
        chat.page.fill(f"#{field}", value)
    chat.page.get_by_role("button", name="Save").click()


def rooms_with_messages(fake_chat):
    return [room for room, kept in fake_chat.kept.items() if kept]


def person(fake_chat, name, room="lobby"):
    """Returns a client that has entered. It leaves when the test drops it."""
    client = ChatClient(fake_chat.url, room, name, f"key-of-{name}")
    client.enter()
    return client


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


# ------------------------------------------------------------------ People


def test_list_and_count_follow_joins_and_departures(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url), viewport={"width": 1280, "height": 800})
    own = f"{chat.page.inner_text('#you')} (you)"
    bob, cy = person(fake_chat, "Bob"), person(fake_chat, "Cy")
    chat.eventually(lambda: chat.people, [own, "Bob", "Cy"])
    assert chat.page.inner_text("#people-button") == "3 people"
    assert chat.page.inner_text("#people-title") == "3 people here", "open where there is space"
    chat.eventually(lambda: chat.notes, ["Bob and Cy joined"])
    bob.connection.close()
    chat.eventually(lambda: chat.people, [own, "Cy"])
    cy.connection.close()
    chat.eventually(lambda: chat.page.inner_text("#people-button"), "1 person")


def test_presence_lines_do_not_separate_or_repeat(clocked, fake_chat):
    chat = clocked
    people = [person(fake_chat, f"N{number}") for number in range(30)]
    chat.eventually(lambda: chat.notes, ["N0, N1 and 28 others joined"])
    deliver(fake_chat, "hello")
    chat.eventually(lambda: chat.messages, ["hello"])
    for bob in people[:2]:
        bob.connection.close()
    chat.eventually(lambda: len(chat.people), 29)
    chat.page.clock.run_for(11_000)
    chat.eventually(lambda: chat.notes, ["N0, N1 and 28 others joined", "N0 and N1 left"])


def test_new_name_is_shown_although_the_server_announces_nothing(chat, fake_chat):
    """A person who reconnects before the server has noticed the end of the old connection neither leaves nor joins."""
    first = person(fake_chat, "Bob")
    chat.eventually(lambda: chat.people[1:], ["Bob"])
    with ChatClient(fake_chat.url, name="Bobby", key="key-of-Bob") as second:
        second.enter()
        second.send({"typing": False}, ephemeral=True)
        chat.eventually(lambda: chat.people[1:], ["Bobby"])
        chat.eventually(lambda: chat.notes, ["Bobby joined"])
    first.connection.close()


def test_tabs_of_a_browser_share_a_new_name(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url))
    tab = chat.page.context.new_page()
    tab.goto(page_for(fake_chat.url))
    tab.locator("#state-word", has_text="Connected").wait_for()
    change(chat, name="Ann")
    chat.eventually(lambda: tab.inner_text("#you"), "Ann")
    chat.eventually(lambda: [query_of(path)["name"] for path in fake_chat.handshakes[2:]], ["Ann", "Ann"])


def test_reload_of_another_page_is_not_mentioned(open_page, fake_chat, page_for):
    chat = open_page(page_for(fake_chat.url), before=stop_clock)
    chat.step = 20
    other = open_page(page_for(fake_chat.url))
    name = other.page.inner_text("#you")
    chat.eventually(lambda: chat.notes, [f"{name} joined"])
    other.page.reload()
    other.wait_for_state("Connected")
    chat.eventually(lambda: len(chat.people), 2)
    chat.page.clock.run_for(20_000)
    assert chat.notes == [f"{name} joined"]


def test_large_room_lists_100_people_and_counts_all(open_page, fake_chat, page_for):
    user = {"id": "x" * 22, "name": "Bob"}
    people = [{"id": f"{number:022}", "name": f"N{number}"} for number in range(99)]
    chat = open_page(page_for(fake_chat.url))
    own = json.loads(chat.page.evaluate("JSON.stringify(session.ownId)"))
    fake_chat._users = lambda member: {"users": [*people, {"id": own, "name": member.name}], "count": 12_345}
    fake_chat.drop()
    chat.eventually(lambda: chat.page.inner_text("#people-button"), "12,345 people")
    chat.page.click("#people-button")
    assert len(chat.people) == 100 and chat.people[0].endswith(" (you)")
    assert chat.page.inner_text("#more-people") == "and 12,245 more"
    fake_chat.say({"type": "presence", "event": "join", "user": user, "count": 12_346})
    chat.eventually(lambda: chat.page.inner_text("#people-button"), "12,346 people")
    assert len(chat.people) == 100


def test_opened_list_is_read_again(clocked, fake_chat):
    chat = clocked
    chat.page.click("#people-button")
    chat.eventually(lambda: [text for text in fake_chat.received if '"who"' in text], lambda found: len(found) == 1)
    for _ in range(6):
        chat.page.click("#people-button")
    chat.page.clock.run_for(1000)
    assert len([text for text in fake_chat.received if '"who"' in text]) == 1, "at most every 10 s"


# ------------------------------------------------------------------ Typing


def signals(frames):
    return [frame for frame in map(json.loads, frames) if frame.get("ephemeral")]


def test_typing_is_signaled_shown_and_over_with_the_message(open_page, fake_chat, page_for):
    anna, ben = open_page(page_for(fake_chat.url)), open_page(page_for(fake_chat.url))
    anna.eventually(lambda: len(anna.people), 2)
    anna.page.locator("#message").press_sequentially("Hello")
    ben.eventually(lambda: ben.typing, f"{anna.page.inner_text('#you')} is typing…")
    assert anna.typing == ""
    assert [frame["message"] for frame in signals(anna.sent)] == [{"typing": True}]
    anna.page.keyboard.press("Enter")
    ben.eventually(lambda: ben.messages, ["Hello"])
    assert ben.typing == ""
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == ["Hello"]


def test_typing_alone_sends_nothing(chat, fake_chat):
    chat.page.locator("#message").press_sequentially("Hello")
    chat.page.wait_for_timeout(200)
    assert signals(fake_chat.received) == []


def test_typing_expires_and_refused_signals_are_not_shown(clocked, fake_chat):
    chat = clocked
    bob = person(fake_chat, "Bob")
    chat.eventually(lambda: len(chat.people), 2)
    deliver(fake_chat, {"typing": True}, key="key-of-Bob", ephemeral=True)
    chat.eventually(lambda: chat.typing, "Bob is typing…")
    chat.page.clock.run_for(7000)
    chat.eventually(lambda: chat.typing, "")
    fake_chat.faults["send"].extend(["rate_limited", "unavailable"])
    for _ in range(2):
        chat.page.locator("#message").press_sequentially("a")
        chat.page.clock.run_for(5000)
        chat.page.wait_for_timeout(200)
    assert not fake_chat.faults["send"] and chat.notes == ["Bob joined"]
    bob.connection.close()


# ------------------------------------------------------------------ The real stack


def test_people_of_the_real_stack(stack, open_page):
    address = f"{stack.page_url}#people"
    anna, ben = open_page(address), open_page(address)
    for chat in (anna, ben):
        chat.eventually(lambda: len(chat.people), 2)
    change(ben, name="Ben")
    anna.eventually(lambda: "Ben" in anna.people, True)
    anna.page.locator("#message").press_sequentially("Hel")
    ben.eventually(lambda: ben.typing, f"{anna.page.inner_text('#you')} is typing…")
    ben.write("Bye")
    anna.eventually(lambda: anna.messages, ["Bye"])
    ben.page.evaluate("location.hash = 'elsewhere'")
    anna.eventually(lambda: len(anna.people), 1)
    anna.eventually(lambda: anna.notes[-1:], lambda notes: notes and notes[0].endswith("Ben left"))
    drop_every_connection(stack)
    anna.wait_for_state("Connected")
    anna.eventually(lambda: anna.page.inner_text("#people-button"), "1 person")
