"""Message text: shown as text and never as HTML, links that show their host, and the limit for sending."""

import json
import re

import pytest
from page_support import WATCH_FRAMES, deliver, sends

FRAME_LIMIT = 32 * 1024


# ------------------------------------------------------------------ Text

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


def test_hostile_text_is_shown_as_text(open_page, fake_chat, page_for):
    anna, ben = open_page(page_for(fake_chat.url)), open_page(page_for(fake_chat.url))
    for count, text in enumerate(HOSTILE, start=1):
        anna.page.evaluate("text => { document.getElementById('message').value = text }", text)
        anna.page.get_by_role("button", name="Send").click()
        ben.eventually(lambda: ben.count, count)
    for chat in (anna, ben):
        chat.show_all()
        chat.eventually(lambda: chat.messages, HOSTILE)
        tags = chat.page.eval_on_selector_all("#messages *", "nodes => [...new Set(nodes.map(node => node.tagName))]")
        assert set(tags) <= {"DIV", "SPAN", "TIME", "BDI", "H2"}, "message text became HTML"
        assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_right_to_left_override_affects_only_its_message(chat, fake_chat):
    deliver(fake_chat, "\u202egpj.exe https://swift.org/x")
    chat.eventually(lambda: chat.count, 1)
    # Without isolation, the time would precede the name, and the link would read backwards.
    name, time = (chat.page.locator(f"#messages {part}").bounding_box() for part in (".name", "time"))
    assert name["x"] + name["width"] <= time["x"]
    link = chat.page.locator("#messages a")
    assert link.evaluate("node => [getComputedStyle(node).unicodeBidi, getComputedStyle(node).direction]") == [
        "isolate",
        "ltr",
    ]
    assert chat.page.locator("#messages .text").evaluate("node => getComputedStyle(node).unicodeBidi") == "isolate"


def test_ten_thousand_emoji_are_received_and_sent(chat, fake_chat):
    emoji = "😀👍🏽🎉🦊" * 2000  # 10,000 code points, 40 KB: above the page's own limit for sending
    deliver(fake_chat, emoji)
    chat.eventually(lambda: chat.count, 1)
    chat.show_all()
    assert chat.messages == [emoji]
    snowmen = "☃" * 10_000  # 30 KB: below the limit
    chat.write(snowmen)
    chat.eventually(lambda: len(chat.own), 1)
    chat.show_all()
    assert chat.own == [snowmen]


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
def test_only_http_addresses_without_credentials_become_links(chat, fake_chat, text, links):
    deliver(fake_chat, text)
    chat.eventually(lambda: chat.messages, [text])
    found = chat.page.locator("#messages a")
    assert set(found.all_text_contents()) == links
    for link in found.all():
        assert link.get_attribute("href").startswith(("http://", "https://"))
        assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("target") == "_blank"


def test_address_with_many_brackets_is_parsed_in_linear_time(chat, fake_chat):
    chat.page.evaluate(WATCH_FRAMES)
    texts = ["https://a.example/" + ")" * 120_000 + "x", "https://a.example/" + "(" * 60_000 + ")" * 60_000]
    for text in texts:
        deliver(fake_chat, text)
    chat.eventually(lambda: chat.count, len(texts))
    chat.show_all()
    assert chat.messages == texts
    assert chat.page.evaluate("longestGap") < 5000


def test_frames_without_the_protocol_are_text_of_someone_or_ignored(chat, fake_chat):
    """Any client can send them to everyone in the room."""
    fake_chat.say({"message": "Forbidden"})
    for frame in ("5", "null", "[]", '"text"', "true", "{}", '{"message":{"a":1}}', '{"action":"heartbeat"}', "Failed.", ""):
        fake_chat.say(frame)
    fake_chat.say({"message": "<b>send me your key</b>", "connectionId": "L0SM9cOFvHcCIhw=", "requestId": "JKJaXmPLvHcESHA="})
    fake_chat.say({"message": "I am Ann", "from": {"id": "x", "name": "Ann"}, "name": "Ann", "user": {"name": "Ann"}})
    chat.eventually(lambda: chat.messages, ["Forbidden", "I am Ann"])
    assert chat.page.locator("#messages .name").all_text_contents() == ["Someone", "Someone"]
    assert chat.notes == [] and chat.own == []
    assert chat.state == "Connected"


# ------------------------------------------------------------------ Long messages


def test_message_over_the_limit_is_rejected_before_sending(chat, fake_chat):
    field, counter, refusal = (chat.page.locator(selector) for selector in ("#message", "#counter", "#refusal"))
    field.fill("short")
    assert counter.inner_text() == ""
    field.fill("é" * 14_500)
    assert re.fullmatch(r"29,\d{3} of 32,\d{3} bytes", counter.inner_text())
    field.fill("é" * 17_000)
    field.press("Enter")
    assert re.match(r"Not sent: too long by 1,\d{3} bytes", refusal.inner_text())
    assert refusal.get_attribute("role") == "alert" and field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == "é" * 17_000, "the draft must not be lost"
    assert sends(chat.sent) == [] and chat.waiting == []
    field.fill("é" * 16_000)
    assert refusal.inner_text() == "" and field.get_attribute("aria-invalid") is None
    field.press("Enter")
    chat.eventually(lambda: chat.count, 1)
    chat.show_all()
    assert chat.messages == ["é" * 16_000]
    assert all(len(frame.encode()) <= FRAME_LIMIT for frame in chat.sent)


def test_longest_message_fits_one_frame_with_its_header(chat, fake_chat):
    frame = {"action": "send", "clientId": "0" * 24, "message": ""}
    overhead = len(json.dumps(frame, separators=(",", ":")))
    longest = FRAME_LIMIT - 14 - overhead
    chat.write("x" * (longest + 1))
    assert chat.page.inner_text("#refusal").startswith("Not sent: too long by 1 byte")
    chat.write("x" * longest)
    chat.eventually(lambda: chat.count, 1)
    chat.show_all()
    assert chat.messages == ["x" * longest]
    assert max(len(frame.encode()) for frame in chat.sent) == FRAME_LIMIT - 14
    # JSON writes a quote as two bytes and a control character as six.
    chat.write('"' * (longest // 2 + 1))
    assert chat.page.inner_text("#refusal").startswith("Not sent")


# ------------------------------------------------------------------ Links


# Unambiguous hosts: shown as written.
UNAMBIGUOUS = [
    "https://swift.org/a",
    "https://SWIFT.org:443/a",
    "https://[::1]:8080/a",
    "https://müller.example/",
    "https://例え.example/",
    "https://한국.example/",
    "https://россия.example/",
    "https://ελλάδα.example/",
    "https://a.example/müller⁄x",
    "https://xn--mller-kva.example/",
]
# Hosts that resemble another host: shown as punycode.
CONFUSABLE = [
    # Mixed scripts.
    "https://pаypal.example/",
    "https://gооgle.example/",
    "https://αpple.example/",
    # A single script, with letters that all resemble Latin ones.
    "https://аррӏе.example/",
    "https://сосо.example/",
    "https://google.сом/",
    "https://νονο.example/",
    # Characters that resemble a slash or a Latin letter, one of them with a combining mark.
    "https://bank.example⁄login.evil.example/",
    "https://bank.example∕login.evil.example/",
    "https://bank.exampleノlogin.evil.example/",
    "https://bank.example。ノ.example/",
    "https://paypaḷ.example/",
    "https://paypaı.example/",
    "https://e\u0338vil.example/",
]
# Hosts that the browser normalizes: shown as opened.
NORMALIZED = {
    "https://bank.example。evil.example/": "https://bank.example.evil.example/",
    "https://ｂａｎｋ.example/": "https://bank.example/",
    "https://%65vil.example/": "https://evil.example/",
    "https://0x7f.1/": "https://127.0.0.1/",
    "https://127.1/x": "https://127.0.0.1/x",
    "https:///evil.example/bank.example": "https://evil.example/bank.example",
}


def test_link_shows_the_host_that_it_opens(chat, fake_chat):
    addresses = [*UNAMBIGUOUS, *CONFUSABLE, *NORMALIZED]
    for address in addresses:
        deliver(fake_chat, f"see {address} there")
    chat.eventually(lambda: chat.count, len(addresses))
    links = chat.page.locator("#messages a").evaluate_all(
        "nodes => nodes.map(node => [node.textContent, node.host, new URL(node.textContent).host])"
    )
    for address, (shown, opened, shown_host) in zip(addresses, links, strict=True):
        assert shown_host == opened, address
        if address in UNAMBIGUOUS:
            assert shown == address
        elif address in NORMALIZED:
            assert shown == NORMALIZED[address]
        else:
            assert re.search(r"(^|\.)xn--", opened) and shown == f"https://{opened}/", address
