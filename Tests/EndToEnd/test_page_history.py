"""The page's history: the latest messages, older ones on scrolling up, days, and order."""

import time

import pytest
from page_support import deliver, numbered, sends

DAY = 24 * 60 * 60 * 1000
TOP = "document.getElementById('chat-box').scrollTop"
IS_NEAR_TOP = "(() => { const box = document.getElementById('chat-box'); return box.scrollTop < 2.5 * box.clientHeight; })()"


def keep_many(fake_chat, count, size=1):
    """Adds old messages, one a minute, each of another height."""
    start = int(time.time() * 1000) - 2 * DAY
    for number in range(count):
        text = f"old {number}" + " lorem ipsum" * (number % size)
        fake_chat.keep(text, at=start + number * 60_000, name=f"N{number % 5}", key=f"k{number % 5}")


def history_requests(chat):
    return [frame for frame in chat.sent if '"before"' in frame]


def scroll_up(chat, pixels=400):
    chat.page.mouse.move(400, 300)
    chat.page.mouse.wheel(0, -pixels)
    chat.page.wait_for_timeout(100)


def scroll_up_until(chat, holds, pixels=400):
    """Scrolls step by step, because a busy browser handles several steps at once."""
    chat.eventually(lambda: holds() or scroll_up(chat, pixels), bool)


def wait_for_check(chat):
    """Waits until the page has its answer to the check some seconds after it entered: requests are sent one by one."""
    chat.eventually(lambda: any('"after"' in frame for frame in chat.sent), True)
    chat.page.wait_for_timeout(300)


def test_page_shows_the_latest_messages_and_loads_older_ones_on_scrolling_up(open_page, fake_chat, page_for):
    keep_many(fake_chat, 260)
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.messages, numbered("old", 260)[-50:])
    assert history_requests(chat) == [], "older messages are loaded on demand"
    scroll_up_until(chat, lambda: chat.count == 260, 2000)
    assert chat.messages == numbered("old", 260)
    chat.eventually(lambda: chat.page.inner_text("#older"), "There are no older messages.")
    assert len(history_requests(chat)) == 5
    assert chat.page.locator("#new-messages").is_hidden(), "older messages are not new"


POSITIONS = """() => {
  const box = document.getElementById("chat-box").getBoundingClientRect();
  const seen = {};
  for (const node of document.querySelectorAll("#messages .message")) {
    const { top, bottom } = node.getBoundingClientRect();
    if (bottom > box.top && top < box.bottom) seen[node.querySelector(".text").textContent.slice(0, 12)] = top;
  }
  return seen;
}"""


@pytest.fixture(params=["anchoring", "no-anchoring"])
def scrolling(request, open_page, fake_chat, page_for):
    """A function that opens a page. Safari does not keep the scroll position when content is added above."""

    def open_scrolling():
        chat = open_page(page_for(fake_chat.url))
        if request.param == "no-anchoring":
            chat.page.evaluate("document.getElementById('chat-box').style.overflowAnchor = 'none'")
        return chat

    return open_scrolling


def test_older_messages_do_not_move_what_the_reader_sees(scrolling, fake_chat):
    keep_many(fake_chat, 300, size=60)
    chat = scrolling()
    chat.eventually(lambda: chat.count, 50)
    # Near the place where the page asks for older messages.
    scroll_up_until(chat, lambda: chat.page.evaluate(IS_NEAR_TOP))
    assert history_requests(chat) == []
    wait_for_check(chat)
    fake_chat.deliveries.clear()
    scroll_up_until(chat, lambda: history_requests(chat))
    chat.page.wait_for_timeout(500)
    before, top = chat.page.evaluate(POSITIONS), chat.page.evaluate(TOP)
    fake_chat.deliveries.set()
    chat.eventually(lambda: chat.count, 100)
    after = chat.page.evaluate(POSITIONS)
    assert chat.page.evaluate(TOP) > top + 1000
    assert after.keys() == before.keys() and all(abs(after[text] - before[text]) <= 1 for text in before)
    chat.page.wait_for_timeout(500)
    # Also after the browser has skipped the off-screen messages.
    after = chat.page.evaluate(POSITIONS)
    assert after.keys() == before.keys() and all(abs(after[text] - before[text]) <= 1 for text in before)


def test_scrolling_up_through_old_messages_moves_evenly(scrolling, fake_chat):
    """A message whose height was estimated would make the others jump when it comes into view."""
    keep_many(fake_chat, 300, size=60)
    chat = scrolling()
    chat.eventually(lambda: chat.count, 50)
    chat.page.mouse.move(400, 300)
    scroll_up(chat, 100)
    assert_even(chat, 15)
    for _ in range(400):
        if chat.count >= 150:
            break
        # Not by the wheel, whose events a busy browser queues: they would arrive together, and reach the top.
        chat.page.evaluate("document.getElementById('chat-box').scrollTop -= 400")
        chat.page.wait_for_timeout(100)
    assert chat.count >= 150
    # Away from the top, where nothing is left to scroll.
    chat.page.evaluate("(() => { const box = document.getElementById('chat-box'); box.scrollTop = box.scrollHeight / 2; })()")
    chat.page.wait_for_timeout(500)
    assert_even(chat, 40)


def assert_even(chat, steps):
    for _ in range(steps):
        before = chat.page.evaluate(POSITIONS)
        chat.page.evaluate("document.getElementById('chat-box').scrollTop -= 100")
        chat.page.wait_for_timeout(50)
        after = chat.page.evaluate(POSITIONS)
        common = before.keys() & after.keys()
        assert common and all(abs(after[text] - before[text] - 100) <= 1 for text in common)


def test_button_loads_older_messages_by_keyboard(open_page, fake_chat, page_for):
    keep_many(fake_chat, 70)
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.count, 50)
    fake_chat.faults["history"].append("unavailable")
    # Without scrolling.
    chat.page.evaluate("document.getElementById('load-older').focus({ preventScroll: true })")
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.page.inner_text("#load-older"), "Show older messages")
    assert chat.notes == []
    chat.page.evaluate("document.getElementById('load-older').focus({ preventScroll: true })")
    chat.page.keyboard.press("Enter")
    chat.eventually(lambda: chat.count, 70)
    # Without a new target, the removed button's focus would move to the top of the page.
    chat.eventually(lambda: chat.page.evaluate("document.activeElement.id"), "chat-box")


def test_short_history_fills_the_screen(open_page, fake_chat, page_for):
    fake_chat.page = 3
    keep_many(fake_chat, 30)
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.count, lambda count: count >= 12)


def test_lost_connection_while_loading_older_messages(open_page, fake_chat, page_for):
    keep_many(fake_chat, 120)
    chat = open_page(page_for(fake_chat.url))
    chat.eventually(lambda: chat.count, 50)
    # Near the place where the page asks for older messages.
    scroll_up_until(chat, lambda: chat.page.evaluate(IS_NEAR_TOP))
    assert history_requests(chat) == []
    wait_for_check(chat)
    fake_chat.deliveries.clear()
    scroll_up_until(chat, lambda: history_requests(chat))
    fake_chat.drop()
    fake_chat.deliveries.set()
    # Before that, the page may not have noticed.
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    chat.wait_for_state("Connected")
    chat.page.click("#load-older")
    chat.eventually(lambda: chat.count, lambda count: count >= 100)
    assert chat.messages == numbered("old", 120)[-len(chat.messages) :]


def test_days_are_separated(open_page, fake_chat, page_for):
    start = int(time.time() * 1000)
    for days, text in ((400, "a year"), (3, "three days"), (3, "and"), (0, "now")):
        fake_chat.keep(text, at=start - days * DAY)
        start += 1
    chat = open_page(page_for(fake_chat.url), locale="en-GB", timezone_id="UTC")
    chat.eventually(lambda: chat.count, 4)
    days = chat.page.locator("#messages .day")
    assert days.count() == 3
    today = time.strftime("%A", time.gmtime()), time.strftime("%-d %B %Y", time.gmtime())
    assert all(part in days.nth(2).inner_text() for part in today)
    order = chat.page.locator("#messages > *").evaluate_all("nodes => nodes.map(node => node.classList[0])")
    assert order == ["day", "message", "day", "message", "message", "day", "message"]


def test_day_separator_moves_with_the_first_message_of_the_day(open_page, fake_chat, page_for):
    noon = int(time.time() * 1000) // DAY * DAY - 5 * DAY + DAY // 2
    for number in range(120):
        fake_chat.keep(f"{number}", at=noon + number * 1000)
    chat = open_page(page_for(fake_chat.url), timezone_id="UTC")
    chat.eventually(lambda: chat.count, 50)
    scroll_up_until(chat, lambda: chat.count == 120, 2000)
    days = chat.page.locator("#messages > *").evaluate_all("nodes => nodes.map(node => node.classList[0])")
    assert days == ["day", *["message"] * 120]


def test_messages_are_shown_in_the_order_of_ids(chat, fake_chat):
    """Deliveries of two functions may overtake each other."""
    now = fake_chat.now()
    for offset in (5, 1, 4, 2, 3):
        fake_chat.keep(f"{offset}", at=now + offset, deliver=True)
    chat.eventually(lambda: chat.messages, ["1", "2", "3", "4", "5"])


@pytest.mark.parametrize("copies", [1, 3])
def test_each_message_is_shown_once(open_page, fake_chat, page_for, copies):
    fake_chat.copies = copies
    chat = open_page(page_for(fake_chat.url))
    for text in numbered("message", 5):
        chat.write(text)
    deliver(fake_chat, "end")
    chat.eventually(lambda: sorted(chat.messages), sorted([*numbered("message", 5), "end"]))
    chat.page.wait_for_timeout(500)
    assert len(chat.messages) == 6


def test_message_that_was_stored_twice_is_shown_once(open_page, fake_chat, page_for):
    """A client that lost its connection may send a message again while the first one is in flight."""
    chat = open_page(page_for(fake_chat.url))
    chat.write("hello")
    chat.eventually(lambda: chat.own, ["hello"])
    [frame] = [text for text in chat.sent if sends([text])]
    member = fake_chat.chosen(lambda member: True)[0]
    fake_chat.receive(member, frame)
    fake_chat.receive(member, frame.replace("hello", "another text"))
    chat.eventually(lambda: chat.messages, ["hello", "another text"])
    assert len(fake_chat.kept["lobby"]) == 3
    # Also in a page that opens later.
    other = open_page(page_for(fake_chat.url))
    other.eventually(lambda: other.messages, ["hello", "another text"])
