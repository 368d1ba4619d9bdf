"""Fixtures for tests of the page's scripts without the page: an empty tab with fake sockets and a stopped clock."""

import pytest
from page_support import PAGE_FOLDER, stop_clock

SCRIPTS = "basics storage room frames sync requests connection outbox people presence typing".split()

FAKES = """() => {
  window.sockets = [];
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    sent = [];
    constructor(url) { this.url = url; sockets.push(this); }
    send(text) { this.sent.push(text); }
    close() { this.readyState = 3; }
    open() { this.readyState = 1; this.onopen({}); }
    say(data) { this.onmessage({ data }); }
    drop(wasClean = false) { this.readyState = 3; this.onclose({ wasClean }); }
  };
  Math.random = () => 0.5;
  window.states = [];
  window.losses = [];
  window.connection = new Connection({
    state: (state, seconds) => states.push(seconds ? `${state} ${seconds}` : state),
    refused: () => {},
    opened: () => {},
    frame: (data) => data === "answer",
    lost: () => losses.push(states.at(-1)),
  });
  window.start = () => connection.start("ws://a.example/");

  window.canSend = true;
  window.sent = [];
  window.notices = [];
  window.outbox = new Outbox([], {
    canSend: () => canSend,
    send: ({ frame }) => sent.push(frame),
    echoMissing: () => notices.push("echo missing"),
    uncertain: (delay) => notices.push(`look in ${delay} ms`),
    failed: (text) => notices.push(`failed: ${text}`),
    changed: () => {},
  });
  window.write = (id) => outbox.add({ id, text: id, frame: `frame ${id}` });

  window.requested = [];
  window.answers = [];
  window.requests = new Requests({ send: (text) => requested.push(text), timedOut: () => answers.push("timed out") });
  window.request = (action) => requests.add({ action }, ({ kind }) => answers.push(kind), (text) => answers.push(`failed ${text}`));

  window.lines = [];
  window.lastLine = null;
  window.presence = new Presence((line) => { lines.push(line.text); lastLine = line; }, (line) => line === lastLine);
  window.join = (id, name = id) => presence.joined({ id, name }, name);
  window.leave = (id, name = id) => presence.left({ id, name }, name);
  window.indicator = [];
  window.typing = new Typing((text) => indicator.push(text));
}"""


@pytest.fixture(scope="module")
def blank_tab(browser):
    page = browser.new_page()
    stop_clock(page)
    for script in SCRIPTS:
        page.add_script_tag(path=PAGE_FOLDER / f"{script}.js")
    yield page
    page.close()


@pytest.fixture
def evaluate(blank_tab):
    """Evaluates JavaScript after `after` seconds of the page's clock."""

    def evaluate(script, after=0):
        if after:
            blank_tab.clock.run_for(round(after * 1000))
        return blank_tab.evaluate(script)

    evaluate(FAKES)
    yield evaluate
    evaluate("connection.stop()")
    evaluate("outbox.pause()")
    evaluate("requests.clear()")
    evaluate("presence.clear()")
    evaluate("typing.clear()")
