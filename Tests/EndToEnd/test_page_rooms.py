"""Catching up, labels, presence lines and the typing indicator alone in a browser. Needs no server."""

import pytest

IDS = [f"01a21373-7f8b-7000-8000-00000000000{digit}" for digit in range(10)]
# The smallest id 30 s before those of IDS.
EARLIER = "01a21373-0a5b-7000-8000-000000000000"
ZERO = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def sync(evaluate):
    """Evaluates JavaScript with a new `sync`; `page(more, …ids)` answers its last request."""
    evaluate("window.sync = new Sync()")
    evaluate(
        """() => {
          window.page = (more, ...ids) => sync.answered({ messages: ids.map((id) => ({ id })), more });
        }"""
    )
    return evaluate


def page_after(after):
    return {"action": "history", "after": after, "limit": 100}


# ------------------------------------------------------------------ Catching up


def test_first_entry_asks_for_the_latest_messages_and_checks_4_seconds_later(sync):
    assert sync("sync.start()") == {"action": "enter"}
    assert sync("sync.isCaughtUp") is False
    assert sync(f"page(true, '{IDS[1]}', '{IDS[2]}')") is None, "older messages are no gap"
    assert sync("[sync.isCaughtUp, sync.checkAfter, sync.hasNews]") == [True, 4000, True]
    assert sync("sync.check()") == page_after(EARLIER)
    assert sync(f"page(false, '{IDS[3]}')") is None
    assert sync("[sync.checkAfter, sync.hasNews]") == [300_000, False]


def test_reconnection_reads_page_after_page_from_the_place_of_the_last_one(sync):
    sync("sync.start()")
    sync(f"page(false, '{IDS[1]}')")
    assert sync("sync.start()") == {"action": "enter", "after": IDS[1]}
    assert sync(f"page(true, '{IDS[1]}', '{IDS[2]}')") == page_after(IDS[2])
    assert sync("sync.isCaughtUp") is False
    assert sync(f"page(true, '{IDS[3]}')") == page_after(IDS[3])
    assert sync("page(true)") == page_after(IDS[3]), "an empty page that is not the last one"
    assert sync(f"page(false, '{IDS[4]}')") is None
    assert sync("[sync.isCaughtUp, sync.checkAfter]") == [True, 4000]


def test_interrupted_catch_up_continues_where_it_was(sync):
    sync("sync.start()")
    sync(f"page(false, '{IDS[1]}')")
    sync("sync.start()")
    sync(f"page(true, '{IDS[2]}')")
    assert sync("sync.start()") == {"action": "enter", "after": IDS[2]}


def test_interrupted_page_of_earlier_messages_does_not_move_the_place_back(sync):
    sync("sync.start()")
    sync(f"page(false, '{IDS[5]}')")
    sync("sync.start()")
    assert sync(f"page(true, '{IDS[2]}')") == page_after(IDS[2])
    assert sync("sync.start()") == {"action": "enter", "after": IDS[5]}


def test_messages_that_arrive_on_their_own_do_not_move_the_place(sync):
    sync("sync.start()")
    sync(f"page(false, '{IDS[1]}')")
    sync("sync.check()")
    sync("page(false)")
    sync("sync.received()")
    assert sync("sync.hasNews") is True, "the next check is due"
    assert sync("sync.start()") == {"action": "enter", "after": IDS[1]}


def test_empty_room_is_checked_from_the_beginning_of_time(sync):
    sync("sync.start()")
    assert sync("page(false)") is None
    assert sync("sync.check()") == page_after(ZERO)
    assert sync("sync.start()") == {"action": "enter", "after": ZERO}


# ------------------------------------------------------------------ Names


@pytest.mark.parametrize(
    "namesake",
    [
        *("Ann", "ann", "ANN", " A n n ", "A.n.n.", "Аnn", "Αnn", "Ａｎｎ", "Ánn", "Aпn", "𝐀𝐧𝐧"),
        *("A\u200bnn", "An\u0301n", "Ann\ufe0f", "A\u3164nn", "A\u2800nn"),
    ],
)
def test_second_person_of_a_name_is_numbered(evaluate, namesake):
    evaluate("window.labels = new Labels()")
    label = "([id, name]) => labels.of({ id, name })"
    assert evaluate("labels.of({ id: 'a', name: 'Ann' })") == "Ann"
    assert evaluate(f"({label})({['b', namesake]!r})") == f"{namesake} (2)"
    assert evaluate("labels.of({ id: 'c', name: 'Ann' })") == "Ann (3)"
    assert evaluate("labels.of({ id: 'a', name: 'Ann' })") == "Ann"
    assert evaluate("labels.of({ id: 'd', name: 'Ann (2)' })") != "Ann (2)"
    assert evaluate("labels.of({ id: 'e', name: 'Annika' })") == "Annika"


def test_person_who_returns_to_a_name_keeps_the_label(evaluate):
    evaluate("window.labels = new Labels()")
    names = ["Ann", "Bob", "Ann", "ann"]
    assert evaluate(f"{names}.map((name) => labels.of({{ id: 'a', name }}))") == names


def test_thousands_of_equal_names_are_numbered_quickly(evaluate):
    took = evaluate(
        """() => {
          const labels = new Labels();
          // The clock of the page is stopped: count the comparisons instead.
          let count = 0;
          const { normalize } = String.prototype;
          String.prototype.normalize = function (form) { count += 1; return normalize.call(this, form); };
          for (let id = 0; id < 5000; id += 1) labels.of({ id: `${id}`, name: "Ann" });
          String.prototype.normalize = normalize;
          return count;
        }"""
    )
    assert took < 20_000


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("  Ann  ", "Ann"),
        ("A\nn\tn\u0000", "Ann"),
        ("\u202eAnn\u2066\u200f", "Ann"),
        ("x" * 100, "x" * 64),
        ("😀" * 100, "😀" * 64),
        ("x" * 63 + "   y", "x" * 63),
        ("", None),
        (" \u2028\u3000 ", None),
        ("\u3164\u2800\u200b\u0301\u034f", None),
    ],
)
def test_name_is_cleaned_for_the_server(blank_tab, given, name):
    assert blank_tab.evaluate("name => cleanName(name)", given) == name


def test_unpaired_surrogates_are_removed_from_a_name(blank_tab):
    assert blank_tab.evaluate("cleanName('A\\ud83dnn😀')") == "Ann😀"


# ------------------------------------------------------------------ Presence lines


def test_joins_share_a_line_and_are_counted(evaluate):
    for name in ("Ann", "Ben", "Cy", "Di", "Ed"):
        evaluate(f"join('{name}')")
    assert evaluate("lines") == [
        "Ann joined",
        "Ann and Ben joined",
        "Ann, Ben and Cy joined",
        "Ann, Ben and 2 others joined",
        "Ann, Ben and 3 others joined",
    ]


def test_name_from_right_to_left_does_not_reorder_the_line(evaluate):
    evaluate("join('a', 'سمية')")
    evaluate("join('b', 'Ann')")
    assert evaluate("lastLine.text") == "\u2068سمية\u2069 and Ann joined"


def test_departure_is_shown_after_10_seconds(evaluate):
    evaluate("join('Ann')")
    evaluate("lastLine = null")
    evaluate("leave('Ann')")
    assert evaluate("lines", after=9.9) == ["Ann joined"]
    assert evaluate("lines", after=0.2) == ["Ann joined", "Ann left"]


def test_person_who_returns_within_10_seconds_is_not_mentioned(evaluate):
    for _ in range(5):
        evaluate("leave('Ann')", after=3)
        evaluate("join('Ann')", after=3)
    assert evaluate("lines", after=60) == []


def test_new_name_is_one_change(evaluate):
    evaluate("leave('a', 'Ann')")
    evaluate("join('a', 'Anna')")
    evaluate("leave('a', 'Anna')")
    evaluate("join('a', 'Hanna')")
    assert evaluate("lines", after=60) == ["Ann is now Anna", "Ann is now Hanna"]


def test_join_and_departure_in_one_line_cancel_out(evaluate):
    evaluate("join('Ann')")
    evaluate("join('Ben')")
    evaluate("leave('Ann')")
    assert evaluate("lines[lines.length - 1]", after=11) == "Ben joined"
    evaluate("leave('Ben')")
    assert evaluate("lines[lines.length - 1]", after=11) == ""


def test_person_is_mentioned_by_the_last_name(evaluate):
    evaluate("join('a', 'Ann')")
    evaluate("presence.renamed('a', 'Ann', 'Anna')")
    assert evaluate("lines[lines.length - 1]") == "Anna joined"
    evaluate("lastLine = null")
    evaluate("presence.renamed('a', 'Anna', 'Hanna')")
    evaluate("leave('a', 'Hanna')")
    assert evaluate("lines[lines.length - 1]", after=11) == "Hanna left"


def test_flood_of_presence_is_bounded(evaluate):
    evaluate("for (let id = 0; id < 5000; id += 1) join(`${id}`)")
    assert evaluate("lastLine.text") == "0, 1 and 198 others joined"
    evaluate("for (let id = 0; id < 5000; id += 1) leave(`x${id}`)")
    assert evaluate("lastLine.text", after=11) == "0, 1 and 198 others joined · x0, x1 and 198 others left"


# ------------------------------------------------------------------ Typing


def test_signals_are_sent_at_most_every_4_seconds(evaluate):
    due = "Number(typing.typed('text', 2))"
    assert [evaluate(due), evaluate(due, after=3.9), evaluate(due, after=0.2), evaluate(due)] == [1, 0, 1, 0]
    evaluate("typing.sent()")
    assert evaluate(due) == 1


@pytest.mark.parametrize(("text", "count"), [("  ", 2), ("text", 1), ("text", 0), ("text", 21)])
def test_no_signal_without_text_alone_or_in_a_large_room(evaluate, text, count):
    assert evaluate(f"typing.typed('{text}', {count})") is False


def test_indicator_names_two_people_and_expires_after_6_seconds(evaluate):
    evaluate("typing.received('a', 'Ann')")
    evaluate("typing.received('b', 'Ben')", after=3)
    evaluate("typing.received('c', 'Cy')")
    assert evaluate("indicator") == [
        "Ann is typing…",
        "Ann and Ben are typing…",
        "Several people are typing…",
    ]
    assert evaluate("indicator[indicator.length - 1]", after=3.5) == "Ben and Cy are typing…"
    evaluate("typing.ended('b')")
    assert evaluate("indicator[indicator.length - 1]") == "Cy is typing…"
    assert evaluate("indicator[indicator.length - 1]", after=6) == ""


def test_flood_of_typing_people_is_bounded(evaluate):
    evaluate("for (let id = 0; id < 5000; id += 1) typing.received(`${id}`, 'Ann')")
    assert evaluate("indicator.length") <= 20
    assert evaluate("indicator[indicator.length - 1]", after=7) == ""
