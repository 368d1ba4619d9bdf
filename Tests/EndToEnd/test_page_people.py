"""People in the page: the list, presence lines, the typing indicator."""

import json

from chat_client import ChatClient
from page_support import change, deliver, drop_every_connection, person, query_of, stop_clock

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
    # One after the other: the server's threads announce two leaves in any order.
    for left, bob in zip((30, 29), people, strict=False):
        bob.connection.close()
        chat.eventually(lambda: len(chat.people), left)
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
