"""The page as people see it in a browser: chatting, hostile text, long text, many messages, accessibility."""

import base64
import hashlib
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_support import PAGE_FILE, ROOT, page_address, post_to_everybody

FRAME_LIMIT = 32 * 1024


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


WATCH_FRAMES = """() => {
  window.longestGap = 0;
  let last = performance.now();
  const watch = (now) => { longestGap = Math.max(longestGap, now - last); last = now; requestAnimationFrame(watch); };
  requestAnimationFrame(watch);
}"""


# ------------------------------------------------------------------ Text is text

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<a href=javascript:alert(1)>click</a>",
    "javascript:alert(1) data:text/html,<script>alert(1)</script>",
    "</div></main><style>*{display:none}</style>",
    "&lt;b&gt; &amp;amp; &#x3c;",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)}",
    "\u202egnp.exe\u202c \u2066\u2067isolate\u2069",
    "\u202e" * 50 + "never closed",
    "Z\u0351\u036b\u0343\u036a\u0302\u0302a\u0314\u0326\u034el\u0321" * 40,
    "line\u2028paragraph\u2029null\u0000zero\u200bwidth",
    "👩‍👩‍👧‍👦🏳️‍🌈 \ud83d broken pair",
    "w" * 5000,
    "__proto__ constructor toString",
]


def test_hostile_text_is_shown_as_text(stack, open_page):
    anna, ben = open_page(stack.page_url), open_page(stack.page_url)
    for count, text in enumerate(HOSTILE, start=1):
        anna.page.evaluate("text => { document.getElementById('message').value = text }", text)
        anna.page.get_by_role("button", name="Send").click()
        ben.eventually(lambda: len(ben.messages), count)
    for chat in (anna, ben):
        chat.eventually(lambda: chat.messages, HOSTILE)
        tags = chat.page.eval_on_selector_all("#messages *", "nodes => [...new Set(nodes.map(node => node.tagName))]")
        assert set(tags) == {"DIV", "SPAN", "TIME"}, "other people's words became markup"
        assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_right_to_left_override_stays_in_its_own_message(stack, open_page):
    chat = open_page(stack.page_url)
    with stack.connect() as other:
        other.send(json.dumps({"message": "\u202egpj.exe https://swift.org/x", "from": "\u202e\u202e"}))
        chat.eventually(lambda: len(chat.messages), 1)
    # Where it was not isolated, the time would come before the name, and the link would read backwards.
    name, time = (chat.page.locator(f"#messages {part}").bounding_box() for part in (".name", "time"))
    assert name["x"] + name["width"] <= time["x"]
    link = chat.page.locator("#messages a")
    assert link.evaluate("node => [getComputedStyle(node).unicodeBidi, getComputedStyle(node).direction]") == [
        "isolate",
        "ltr",
    ]
    assert chat.page.locator("#messages .text").evaluate("node => getComputedStyle(node).unicodeBidi") == "isolate"


def test_ten_thousand_emoji_are_shown_and_the_page_stays_usable(stack, open_page):
    chat = open_page(stack.page_url)
    emoji = "😀👍🏽🎉🦊" * 2000  # 10,000 code points, 40 KB: more than the page itself would send
    with stack.connect() as other:
        other.send(json.dumps({"message": emoji}, ensure_ascii=False))
        chat.eventually(lambda: [len(text) for text in chat.messages], [len(emoji)])
        assert chat.messages == [emoji]
    snowmen = "☃" * 10_000  # 30 KB: just what fits
    chat.write(snowmen)
    chat.eventually(lambda: chat.own, [snowmen])


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (
            "see https://swift.org/blog/ and http://a.example/?q=1&r=%20#x.",
            {"https://swift.org/blog/", "http://a.example/?q=1&r=%20#x"},
        ),
        (
            "(https://en.wikipedia.org/wiki/Swift_(bird)), or <https://b.example>",
            {"https://en.wikipedia.org/wiki/Swift_(bird)", "https://b.example"},
        ),
        ("javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd ftp://c.example blob:https:x", set()),
        ("https://bank.example@evil.example/ https://user:pw@d.example", set()),
        ("https:// http://[ https://%", set()),
        ("https://e.example/\u202egpj.exe", {"https://e.example/"}),
        ('https://f.example/"onmouseover="alert(1)', {"https://f.example/"}),
    ],
)
def test_only_safe_links_are_links(stack, open_page, text, links):
    chat = open_page(stack.page_url)
    with stack.connect() as other:
        other.send(json.dumps({"message": text}))
        chat.eventually(lambda: chat.messages, [text])
    found = chat.page.locator("#messages a")
    assert set(found.all_text_contents()) == links
    for link in found.all():
        assert link.get_attribute("href").startswith(("http://", "https://"))
        assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("target") == "_blank"


def test_an_address_made_to_be_slow_does_not_hang_the_page(stack, open_page):
    chat = open_page(stack.page_url)
    chat.page.evaluate(WATCH_FRAMES)
    texts = ["https://a.example/" + ")" * 120_000 + "x", "https://a.example/" + "(" * 60_000 + ")" * 60_000]
    post_to_everybody(stack, ({"message": text} for text in texts))
    chat.eventually(lambda: [len(text) for text in chat.messages], [len(text) for text in texts])
    assert chat.page.evaluate("longestGap") < 2000


def test_what_the_gateway_itself_says_is_never_a_person_s_message(open_page, gateway, stack):
    chat = open_page(page_address(stack, gateway.url))
    context = {"connectionId": "L0SM9cOFvHcCIhw=", "requestId": "JKJaXmPLvHcESHA="}
    gateway.say({"message": "Internal server error", **context})
    gateway.say({"message": "Forbidden", **context})
    gateway.say({"message": "Too Many Requests", **context})
    gateway.say("Message sent.")
    gateway.say("Failed.")
    for frame in (
        "5",
        "null",
        "[]",
        '"text"',
        "true",
        "{}",
        '{"message":{"a":1}}',
        '{"action":"heartbeat"}',
        '{"from":"x"}',
        "",
    ):
        gateway.say(frame)
    gateway.say({"message": "Forbidden"})
    chat.eventually(lambda: chat.messages, ["Forbidden"])
    assert [note.removeprefix("The server reported: ") for note in chat.notes][:4] == [
        "Internal server error", "Forbidden", "Too Many Requests", "Failed.",
    ]  # fmt: skip
    assert chat.page.locator("#messages .note.error").count() == len(chat.notes)
    assert chat.state == "Connected"


# ------------------------------------------------------------------ Long messages


def test_an_over_long_message_is_refused_before_anything_is_sent(stack, open_page):
    chat = open_page(stack.page_url)
    field, counter, refusal = (chat.page.locator(selector) for selector in ("#message", "#counter", "#refusal"))
    field.fill("short")
    assert counter.inner_text() == ""
    field.fill("é" * 14_500)
    assert re.fullmatch(r"29,\d{3} of 32,\d{3} bytes", counter.inner_text())
    field.fill("é" * 17_000)
    field.press("Enter")
    assert re.match(r"Not sent: too long by 1,\d{3} bytes", refusal.inner_text())
    assert refusal.get_attribute("role") == "alert" and field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == "é" * 17_000, "what was written must not be lost"
    assert chat.sent == [] and chat.waiting == []
    field.fill("é" * 16_000)
    assert refusal.inner_text() == "" and field.get_attribute("aria-invalid") is None
    field.press("Enter")
    chat.eventually(lambda: chat.messages, ["é" * 16_000])
    assert all(len(frame.encode()) <= FRAME_LIMIT for frame in chat.sent)


def test_the_longest_message_fits_one_frame_with_its_header(stack, open_page):
    chat = open_page(stack.page_url)
    overhead = len(json.dumps({"message": "", "id": "0" * 24, "from": "0" * 24}, separators=(",", ":")))
    longest = FRAME_LIMIT - 14 - overhead
    chat.write("x" * (longest + 1))
    assert chat.page.inner_text("#refusal").startswith("Not sent: too long by 1 byte")
    chat.write("x" * longest)
    chat.eventually(lambda: chat.messages, ["x" * longest])
    assert len(chat.sent[-1].encode()) == FRAME_LIMIT - 14
    # JSON writes a quote as two bytes and a control character as six.
    chat.write('"' * (longest // 2 + 1))
    assert chat.page.inner_text("#refusal").startswith("Not sent")


# ------------------------------------------------------------------ Many messages

def test_two_thousand_messages_stay_responsive(stack, open_page):
    chat = open_page(stack.page_url)
    chat.page.evaluate(WATCH_FRAMES)
    texts = [f"message {number} " + "lorem ipsum " * (number % 20) for number in range(2000)]
    post_to_everybody(stack, ({"message": text, "from": str(len(text))} for text in texts))
    chat.eventually(lambda: len(chat.messages), 2000)
    assert chat.messages == texts
    # Smooth is 17 ms. Two seconds is a page that hangs, also on a busy machine.
    assert chat.page.evaluate("longestGap") < 2000
    assert at_bottom(chat)
    chat.write("still here")
    chat.eventually(lambda: chat.own, ["still here"], seconds=5)
    # What is not on the screen costs nothing.
    assert (
        chat.page.locator("#messages .message").last.evaluate("node => getComputedStyle(node).contentVisibility")
        == "auto"
    )


def test_a_flood_does_not_fill_the_memory(open_page, gateway, stack):
    chat = open_page(page_address(stack, gateway.url))
    chat.page.evaluate(WATCH_FRAMES)
    for number in range(5000):
        gateway.say({"message": f"{number}", "id": f"id-{number}"})
    chat.eventually(lambda: chat.messages[-1:], ["4999"], seconds=60)
    assert len(chat.messages) == 3000 and chat.messages[0] == "2000"
    assert chat.page.evaluate("longestGap") < 2000
    gateway.say({"message": "4999", "id": "id-4999"})
    gateway.say({"message": "again", "id": "id-5000"})
    chat.eventually(lambda: chat.messages[-2:], ["4999", "again"])


def at_bottom(chat):
    return chat.page.evaluate(
        "(box => box.scrollHeight - box.scrollTop - box.clientHeight < 2)(document.getElementById('chat-box'))"
    )


def test_scrolls_only_while_the_reader_is_at_the_bottom(stack, open_page):
    chat = open_page(stack.page_url)
    button = chat.page.locator("#new-messages")
    with stack.connect(max_queue=None) as other:
        post_to_everybody(stack, ({"message": f"{number} " + "word " * 40} for number in range(60)))
        chat.eventually(lambda: len(chat.messages), 60)
        chat.eventually(lambda: at_bottom(chat), True)
        assert button.is_hidden()

        chat.page.mouse.move(400, 300)
        chat.page.mouse.wheel(0, -1500)
        chat.eventually(lambda: at_bottom(chat), False)
        chat.page.wait_for_timeout(300)
        top = "document.getElementById('chat-box').scrollTop"
        before = chat.page.evaluate(top)
        for text in ("a new one", "and another"):
            other.send(json.dumps({"message": text}))
        chat.eventually(lambda: len(chat.messages), 62)
        chat.page.wait_for_timeout(300)
        assert chat.page.evaluate(top) == before, "the text moved under the reader's eyes"
        assert button.inner_text() == "2 new messages ↓"
        button.click()
        chat.eventually(lambda: at_bottom(chat), True)
        assert button.is_hidden()
        other.send(json.dumps({"message": "seen at once"}))
        chat.eventually(lambda: chat.messages[-1], "seen at once")
        chat.eventually(lambda: at_bottom(chat), True)


# ------------------------------------------------------------------ Configuration and policy


def test_says_what_to_do_when_no_server_is_set(open_page):
    chat = open_page(PAGE_FILE.as_uri(), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    [note] = chat.notes
    assert "?url=wss://" in note and "config.json" in note


@pytest.mark.parametrize(
    "url", ["https://a.example/", "javascript:alert(1)", "example.org", "ws://a b/", "wss://a;script-src *", "wss://"]
)
def test_refuses_what_is_not_the_address_of_a_websocket(open_page, url, stack):
    chat = open_page(page_address(stack, url), connected=False)
    chat.eventually(lambda: chat.state, "No server")
    chat.page.get_by_role("button", name="Start").click()
    chat.page.wait_for_timeout(200)
    [note] = chat.notes
    assert url in note and "?url=wss://" in note
    assert all(request.startswith(stack.page_url) for request in chat.requests)


def test_works_from_a_file_without_a_web_server(stack, open_page):
    chat = open_page(PAGE_FILE.as_uri() + "?url=" + stack.websocket_url)
    chat.write("from a file")
    chat.eventually(lambda: chat.messages, ["from a file"])


def test_only_the_page_s_own_script_and_style_may_run():
    page = PAGE_FILE.read_text()
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    directives = [re.sub(r"'sha256-[^']*'", "HASH", directive.strip()) for directive in policy.split(";")]
    assert directives == [
        "default-src 'none'",
        "script-src HASH",
        "style-src HASH",
        "connect-src 'self' ws: wss:",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
        fitting = "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        [stated] = re.findall(rf"{directive} '([^']*)'", page)
        assert stated == fitting, (
            f"web/index.html's <{tag}> was changed: in its policy, {directive} must be '{fitting}'"
        )
    assert not re.search(r"\son\w+=|\sstyle=|innerHTML|insertAdjacentHTML|document\.write|eval\(", page)


TRY_TO_REACH = """async (address) => {
  const refused = new Promise((resolve) => {
    addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
  });
  const reached = new Promise((resolve) => {
    if (address.startsWith("ws")) {
      const socket = new WebSocket(address);
      socket.onopen = () => resolve("reached");
    } else fetch(address, { mode: "no-cors" }).then(() => resolve("reached"), () => {});
  });
  return Promise.race([refused, reached, new Promise((resolve) => setTimeout(resolve, 5000, "neither"))]);
}"""


def test_reaches_no_host_but_the_socket_s(stack, open_page, gateway):
    chat = open_page(stack.page_url)
    assert chat.page.evaluate(TRY_TO_REACH, stack.websocket_url) == "reached"
    assert chat.page.evaluate(TRY_TO_REACH, gateway.url) == "connect-src"
    assert chat.page.evaluate(TRY_TO_REACH, gateway.url.replace("ws:", "http:")) == "connect-src"
    injected = """() => new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      try { script.textContent = "window.ran = true"; } catch { resolve("trusted types"); }
      document.body.append(script);
    })"""
    assert chat.page.evaluate(injected) in ("trusted types", "script-src-elem", "require-trusted-types-for")
    assert chat.page.evaluate("window.ran") is None
    chat.problems.clear()  # these were ours


def test_asks_no_third_party_for_anything(stack, open_page):
    chat = open_page(stack.page_url)
    chat.write("https://swift.org/ is a link, not a request")
    chat.eventually(lambda: len(chat.messages), 1)
    origins = {
        re.match(r"\w+://[^/]+", request).group() for request in chat.requests if not request.startswith("data:")
    }
    assert origins == {re.match(r"\w+://[^/]+", url).group() for url in (stack.page_url, stack.websocket_url)}


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
def test_looks_right_and_is_accessible(open_page, gateway, stack, scheme, width):
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

    troubled = open_page(page_address(stack, gateway.url), **view)
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
