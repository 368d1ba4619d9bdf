"""The page's connection and outbox alone in a browser: sockets and clock are the test's, no server is needed."""

import pytest
from page_support import PAGE_FOLDER, stop_clock

FAKES = """() => {
  window.sockets = [];
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    sent = [];
    constructor() { sockets.push(this); }
    send(text) { this.sent.push(text); }
    close() { this.readyState = 3; }
    open() { this.readyState = 1; this.onopen({}); }
    say(data) { this.onmessage({ data }); }
    drop(wasClean = false) { this.readyState = 3; this.onclose({ wasClean }); }
  };
  Math.random = () => 0.5;
  window.states = [];
  window.losses = [];
  window.line = new Connection("ws://a.example", {
    state: (state, seconds) => states.push(seconds ? `${state} ${seconds}` : state),
    opened: () => {},
    frame: (data) => data === "answer",
    lost: (isExact) => losses.push(isExact),
  });

  window.canSend = true;
  window.sent = [];
  window.notices = [];
  window.box = new Outbox({
    canSend: () => canSend,
    send: (frame) => sent.push(frame),
    echoMissing: () => notices.push("echo missing"),
    deliveryFailed: () => notices.push("gave up"),
    changed: () => {},
  });
  window.write = (id) => box.add({ id, text: id, frame: `frame ${id}`, wasShown: false });
}"""


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_page()
    stop_clock(page)
    for script in ("basics", "frames", "connection", "outbox"):
        page.add_script_tag(path=PAGE_FOLDER / f"{script}.js")
    yield page
    page.close()


@pytest.fixture
def run(blank):
    """Runs a line of the page's language, after some seconds of its clock."""

    def run(script, after=0):
        if after:
            blank.clock.run_for(round(after * 1000))
        return blank.evaluate(script)

    run(FAKES)
    yield run
    run("line.stop()")
    run("box.pause()")


# ------------------------------------------------------------------ Connection


def test_connection_opens_once(run):
    run("line.start()")
    run("line.start()")
    run("sockets[0].open()")
    assert run("[sockets.length, states, line.isOpen, sockets[0].binaryType]") == [
        1, ["connecting", "connected"], True, "arraybuffer",
    ]  # fmt: skip


def test_connection_gives_up_a_handshake_after_10_seconds(run):
    run("line.start()")
    assert run("sockets[0].readyState", after=9.9) == 0
    assert run("sockets[0].readyState", after=0.2) == 3
    assert run("losses") == [], "nothing is lost that was never there"
    assert run("sockets.length", after=0.6) == 2


def test_connection_waits_longer_after_each_failure(run):
    run("line.start()")
    for _ in range(7):
        run("sockets[sockets.length - 1].drop()")
        run("0", after=7.6)
    waits = [state for state in run("states") if state.startswith("reconnecting")]
    assert waits == [
        "reconnecting 1", "reconnecting 1", "reconnecting 2", "reconnecting 1", "reconnecting 4", "reconnecting 3",
        "reconnecting 2", "reconnecting 1", *(f"reconnecting {left}" for left in (8, 7, 6, 5, 4, 3, 2, 1) for _ in (1,)),
        *(f"reconnecting {left}" for left in (8, 7, 6, 5, 4, 3, 2, 1)), *(f"reconnecting {left}" for left in (8, 7, 6, 5, 4, 3, 2, 1)),
    ]  # fmt: skip


def test_connection_that_was_stable_starts_over_with_a_short_wait(run):
    run("line.start()")
    for _ in range(4):
        run("sockets[sockets.length - 1].drop()")
        run("0", after=7.6)
    run("sockets[sockets.length - 1].open()")
    run("sockets[sockets.length - 1].drop(true)", after=11)
    assert run("[states[states.length - 1], losses]") == ["reconnecting 1", [True]]


def test_connection_ignores_a_socket_that_it_gave_up(run):
    run("line.start()")
    run("sockets[0].open()")
    run("line.replace()")
    run("0", after=1)
    run("sockets[1].open()")
    run("sockets[0].drop()")
    run("sockets[0].say('late')")
    assert run("[sockets.length, line.isOpen, losses]") == [2, True, [False]]


def test_heartbeat_follows_35_seconds_of_silence(run):
    """30 s, and half of the jitter's 10."""
    run("line.start()")
    run("sockets[0].open()")
    assert run("sockets[0].sent", after=34.9) == []
    assert run("sockets[0].sent", after=0.2) == ['{"action":"heartbeat"}']
    run("sockets[0].say('answer')", after=7)
    assert run("sockets[0].sent.length", after=34) == 1
    assert run("sockets[0].sent.length", after=2) == 2


def test_heartbeat_without_an_answer_replaces_the_socket_after_8_seconds(run):
    run("line.start()")
    run("sockets[0].open()")
    assert run("sockets[0].readyState", after=42) == 1
    assert run("[sockets[0].readyState, losses]", after=1.1) == [3, [False]]
    assert run("sockets.length", after=1) == 2


def test_heartbeat_is_given_up_where_none_was_ever_answered(run):
    run("line.start()")
    for socket in (0, 1):
        run(f"sockets[{socket}].open()")
        run("0", after=44)
    run("sockets[2].open()")
    assert run("[sockets.length, sockets[2].readyState]", after=3600) == [3, 1]
    assert run("sockets[2].sent.length") == 3600 // 240
    # One answer is enough to know better.
    run("sockets[2].say('answer')")
    assert run("sockets[2].readyState", after=35 + 8.1) == 3


def test_hidden_page_sends_a_heartbeat_every_4_minutes(run):
    run("() => { Object.defineProperty(document, 'hidden', { get: () => window.isHidden, configurable: true }); }")
    run("window.isHidden = true")
    run("line.start()")
    run("sockets[0].open()")
    assert run("sockets[0].sent.length", after=239) == 0
    assert run("sockets[0].sent.length", after=2) == 1
    run("sockets[0].say('answer')")
    run("window.isHidden = false")
    run("line.check()", after=100)
    assert run("sockets[0].sent.length") == 2, "a reader is back"
    run("sockets[0].say('answer')")
    assert run("sockets[0].sent.length", after=36) == 3
    run("() => { delete document.hidden; }")


def test_check_ends_the_wait_or_asks_the_socket(run):
    run("line.start()")
    run("sockets[0].drop()")
    run("line.check()")
    assert run("sockets.length") == 2
    run("sockets[1].open()")
    run("line.check()")
    assert run("sockets[1].sent") == [], "it was heard just now"
    run("line.check()", after=3)
    run("line.check()")
    assert run("sockets[1].sent.length") == 1, "one question at a time"
    assert run("sockets[1].readyState", after=8.1) == 3


def test_stop_ends_everything(run):
    run("line.start()")
    run("sockets[0].open()")
    run("line.stop()")
    assert run("[states[states.length - 1], losses, sockets.length]", after=3600) == ["stopped", [None], 1]
    run("line.check()")
    assert run("sockets.length") == 1


# ------------------------------------------------------------------ Outbox


def test_outbox_has_one_message_in_flight(run):
    run("['a', 'b', 'c'].forEach(write)")
    assert run("sent") == ["frame a"]
    assert run("box.confirm('a').text") == "a"
    assert run("sent") == ["frame a", "frame b"]
    assert run("box.confirm('a') === undefined"), "an echo counts once"
    assert run("box.unconfirmed.map(({ id }) => id)") == ["b", "c"]


def test_outbox_takes_an_id_once(run):
    run("['a', 'a'].forEach(write)")
    assert run("box.unconfirmed.length") == 1


def test_outbox_sends_again_on_the_next_connection(run):
    run("write('a')")
    run("box.pause()")
    run("canSend = false")
    run("box.next()")
    assert run("sent") == ["frame a"]
    run("canSend = true")
    run("box.next()")
    assert run("sent") == ["frame a", "frame a"]


def test_outbox_waits_30_seconds_for_an_echo(run):
    run("write('a')")
    assert run("notices", after=29.9) == []
    assert run("notices", after=0.2) == ["echo missing"]


def test_outbox_gives_a_message_up_after_five_attempts(run):
    run("['a', 'b'].forEach(write)")
    for _ in range(5):
        run("box.serverFailed()")
        run("0", after=16)
    assert run("sent") == ["frame a"] * 5 + ["frame b"]
    assert run("[notices[0], box.unconfirmed.map(({ id, failed }) => [id, failed])]") == [
        "gave up", [["a", True], ["b", False]],
    ]  # fmt: skip
    run("box.confirm('b')")
    run("box.retryFailed()")
    assert run("sent[sent.length - 1]") == "frame a"


def test_outbox_forgets_a_repeat_that_fails(run):
    run("box.add({ id: 'a', text: 'a', frame: 'frame a', wasShown: true })")
    assert run("box.unconfirmed") == []
    for _ in range(5):
        run("box.serverFailed()")
        run("0", after=16)
    run("box.retryFailed()")
    assert run("[sent.length, notices]") == [5, []]


def test_error_of_the_server_counts_only_while_a_message_is_in_flight(run):
    run("write('a')")
    run("box.confirm('a')")
    run("write('b')")
    for _ in range(10):
        run("box.serverFailed()")
    assert run("[sent, notices]") == [["frame a", "frame b"], []]


def test_recent_ids_forget_the_oldest(run):
    run("window.ids = new RecentIds()")
    assert run("[ids.add('first'), ids.add('first')]") == [True, False]
    run("for (let count = 0; count < 5000; count += 1) ids.add(`${count}`)")
    assert run("[ids.add('4999'), ids.add('first')]") == [False, True]


# ------------------------------------------------------------------ Frames


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"message":"hi"}', "message"),
        ('\ufeff{"message":"hi"}', "message"),
        ('{"message":5}', "nothing"),
        ('{"away":5,"from":"x"}', "away"),
        ('{"away":5}', "nothing"),
        ('{"type":"heartbeat"}', "heartbeat"),
        ('{"action":"heartbeat"}', "heartbeat"),
        ('{"message":"Forbidden","connectionId":"c","requestId":"r"}', "error"),
        ("Failed.", "error"),
        ("Message sent.", "nothing"),
        ("null", "nothing"),
        ("[]", "nothing"),
        ("", "nothing"),
    ],
)
def test_frames_are_told_apart(blank, frame, kind):
    read = "frame => readFrame(frame).kind"
    assert blank.evaluate(read, frame) == kind
    binary = "frame => readFrame(new TextEncoder().encode(frame).buffer).kind"
    assert blank.evaluate(binary, frame) == kind


def test_long_message_is_copied_and_keeps_a_lone_surrogate(blank):
    [length, is_cut, last] = blank.evaluate(
        """() => {
          const long = "x".repeat(131071) + "\\ud83d" + "y".repeat(1000);
          const { text, isTruncated } = readFrame(JSON.stringify({ message: long }));
          return [text.length, isTruncated, text.charCodeAt(131071)];
        }"""
    )
    assert (length, is_cut, last) == (131_072, True, 0xD83D)
