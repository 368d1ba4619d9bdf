"""Many and long messages: the part shown first, the number kept, memory, and responsiveness."""

import pytest
from chat_rules import message_id, user_id
from fake_chat_rooms import stamped
from page_support import WATCH_FRAMES, deliver

# ------------------------------------------------------------------ Many messages


def test_two_thousand_messages_stay_responsive(chat, fake_chat):
    chat.page.evaluate(WATCH_FRAMES)
    texts = [f"message {number} " + "lorem ipsum " * (number % 20) for number in range(2000)]
    for text in texts:
        deliver(fake_chat, text)
    chat.eventually(lambda: chat.count, 2000, seconds=180)
    assert chat.messages == texts
    # 17 ms at 60 Hz. The bound is two orders of magnitude wider, for busy machines.
    assert chat.page.evaluate("longestGap") < 5000
    assert at_bottom(chat)
    chat.write("still here")
    chat.eventually(lambda: chat.own, ["still here"])
    # The browser skips the layout of off-screen messages.
    assert (
        chat.page.locator("#messages .message").last.evaluate("node => getComputedStyle(node).contentVisibility")
        == "auto"
    )


def test_conversation_keeps_the_last_3000_messages(chat, fake_chat):
    chat.page.evaluate(WATCH_FRAMES)
    for number in range(5000):
        deliver(fake_chat, f"{number}")
    chat.eventually(lambda: chat.newest, "4999", seconds=180)
    assert len(chat.messages) == 3000 and chat.messages[0] == "2000"
    assert chat.page.evaluate("longestGap") < 5000
    assert "shows the last 3,000 messages" in chat.page.text_content("#older")
    deliver(fake_chat, "again")
    chat.eventually(lambda: chat.messages[-2:], ["4999", "again"])


def at_bottom(chat):
    return chat.page.evaluate(
        "(box => box.scrollHeight - box.scrollTop - box.clientHeight < 2)(document.getElementById('chat-box'))"
    )


def test_new_messages_scroll_only_a_reader_at_the_bottom(chat, fake_chat):
    button = chat.page.locator("#new-messages")
    for number in range(60):
        deliver(fake_chat, f"{number} " + "word " * 40)
    chat.eventually(lambda: chat.count, 60)
    chat.eventually(lambda: at_bottom(chat), True)
    assert button.is_hidden()

    chat.page.mouse.move(400, 300)
    chat.page.mouse.wheel(0, -1500)
    chat.eventually(lambda: at_bottom(chat), False)
    chat.page.wait_for_timeout(300)
    top = "document.getElementById('chat-box').scrollTop"
    before = chat.page.evaluate(top)
    for text in ("a new one", "and another"):
        deliver(fake_chat, text)
    chat.eventually(lambda: chat.count, 62)
    chat.page.wait_for_timeout(300)
    assert chat.page.evaluate(top) == before, "the scroll position must not change"
    assert button.inner_text() == "2 new messages ↓"
    button.click()
    chat.eventually(lambda: at_bottom(chat), True)
    assert button.is_hidden()
    deliver(fake_chat, "seen at once")
    chat.eventually(lambda: chat.newest, "seen at once")
    chat.eventually(lambda: at_bottom(chat), True)


# ------------------------------------------------------------------ Show more


def test_long_message_is_shown_in_steps(chat, fake_chat):
    text = "".join(f"{number:07d} " for number in range(2500))  # 20,000 characters
    deliver(fake_chat, text)
    chat.eventually(lambda: chat.messages, [text[:4000]])
    button = chat.page.get_by_role("button", name="Show more")
    button.click()
    assert chat.messages == [text[:16_000]]
    button.click()
    assert chat.messages == [text] and button.count() == 0
    # Without a new target, the removed button's focus would move to the top of the page.
    assert chat.page.evaluate("document.activeElement.id") == "chat-box"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\u2029"])
def test_message_of_many_lines_is_shown_in_steps(chat, fake_chat, line_break):
    lines = [f"{number}" for number in range(1000)]
    deliver(fake_chat, line_break.join(lines))
    chat.eventually(lambda: chat.count, 1)
    assert chat.messages == [line_break.join(lines[:40])]
    assert chat.page.locator("#messages .message").evaluate("node => node.offsetHeight") < 1200
    chat.show_all()
    assert chat.messages == [line_break.join(lines)]


def test_message_of_many_links_is_shown_in_steps(chat, fake_chat):
    deliver(fake_chat, " ".join(f"http://a.example/{number}" for number in range(100)))
    links = chat.page.locator("#messages a")
    chat.eventually(lambda: links.count(), 20)
    chat.page.get_by_role("button", name="Show more").click()
    assert links.count() == 80
    chat.show_all()
    assert links.all_text_contents() == [f"http://a.example/{number}" for number in range(100)]


def test_truncation_splits_no_link_and_no_character(chat, fake_chat):
    address = "https://a.example/" + "x" * 100
    deliver(fake_chat, "w" * 3950 + " " + address)
    deliver(fake_chat, "w" * 3999 + "😀" * 10)
    chat.eventually(lambda: chat.messages, ["w" * 3950 + " ", "w" * 3999])
    assert chat.page.locator("#messages a").count() == 0
    chat.page.get_by_role("button", name="Show more").first.click()
    assert chat.page.locator("#messages a").get_attribute("href") == address


def test_message_over_128_kb_is_truncated(chat, fake_chat):
    deliver(fake_chat, "x" * 3_900_000)
    chat.eventually(lambda: chat.count, 1)
    chat.show_all()
    assert [len(text) for text in chat.messages] == [128 * 1024]
    assert "too long to show" in chat.page.inner_text("#messages p.more")


def memory(chat):
    """Returns the bytes on the JavaScript heap and the number of DOM nodes, after garbage collection."""
    session = chat.page.context.new_cdp_session(chat.page)
    session.send("HeapProfiler.collectGarbage")
    counters = session.send("Memory.getDOMCounters")
    return session.send("Runtime.getHeapUsage")["usedSize"], counters["nodes"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (30, "x" * 3_900_000),
        (10, "\n" * 3_900_000),
        (65, "http://a " * 14_000),
        (300, "http://a.example/ " * 7000),
        (300, "\ufdfd" * 40_000),
        (5000, "http://a.example/ " * 20),
        (5000, "\n" * 200),
    ],
    ids=["long", "lines", "links", "more-links", "wide", "many-links", "many-lines"],
)
def test_flood_of_costly_messages_stays_within_memory_and_layout_limits(chat, fake_chat, frames, message):
    """Layout coordinates end at 17.8 million pixels in Firefox and at 33.5 million in Chrome and Safari."""
    chat.page.evaluate(WATCH_FRAMES)
    before, _ = memory(chat)
    for number in range(frames):
        deliver(fake_chat, message)
    deliver(fake_chat, "the last one")
    chat.eventually(lambda: chat.newest, "the last one", seconds=180)
    chat.eventually(lambda: at_bottom(chat), True)
    after, nodes = memory(chat)
    assert after - before < 10_000_000 and nodes < 40_000
    assert chat.page.evaluate("document.getElementById('chat-box').scrollHeight") < 17_000_000
    assert chat.page.evaluate("longestGap") < 5000
    chat.page.mouse.move(400, 300)
    chat.page.mouse.wheel(0, -300)
    chat.eventually(lambda: at_bottom(chat), False)


def test_hidden_page_applies_the_memory_limits_before_drawing(chat, fake_chat):
    """Browsers may delay a hidden page's timers by a minute."""
    chat.page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => true });
          window.setTimeout = () => 0;
        }"""
    )
    before, _ = memory(chat)
    for number in range(1000):
        deliver(fake_chat, f"{number} " + "x" * 100_000)
    # Unlike a message, a signal is shown at once.
    deliver(fake_chat, {"typing": True}, ephemeral=True)
    chat.eventually(lambda: chat.typing, "Bob is typing…", seconds=180)
    after, _ = memory(chat)
    assert after - before < 30_000_000


# Browsers whose JSON.stringify is recursive throw for deep nesting. This Chromium's does not.
SHALLOW_STRINGIFY = """(() => {
  const stringify = JSON.stringify;
  JSON.stringify = (value, ...rest) => {
    if (Array.isArray(value)) throw new RangeError("Maximum call stack size exceeded");
    return stringify(value, ...rest);
  };
})()"""


def test_a_deeply_nested_message_hides_no_other(open_page, fake_chat, page_for):
    nested = "[" * 50_000 + "]" * 50_000

    def frame(message_id):
        user = {"id": user_id("key:eve"), "name": "Eve"}
        return stamped(message_id, "lobby", user, nested)

    kept = fake_chat.keep("nested")
    fake_chat.kept["lobby"] = [(kept, frame(kept))]
    fake_chat.keep("after it")
    chat = open_page(page_for(fake_chat.url), before=lambda page: page.add_init_script(SHALLOW_STRINGIFY))
    chat.eventually(lambda: chat.messages, ["(a message that cannot be shown)", "after it"])
    fake_chat.say(frame(message_id(fake_chat.now())))
    fake_chat.keep("delivered", deliver=True)
    chat.eventually(lambda: chat.messages[2:], ["(a message that cannot be shown)", "delivered"])
