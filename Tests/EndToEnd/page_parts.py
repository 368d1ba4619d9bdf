"""Fixtures for tests of the page's scripts without the page: an empty tab with fake sockets and a stopped clock."""

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
  window.connection = new Connection("ws://a.example", {
    state: (state, seconds) => states.push(seconds ? `${state} ${seconds}` : state),
    opened: () => {},
    frame: (data) => data === "answer",
    lost: (isExact) => losses.push(isExact),
  });

  window.canSend = true;
  window.sent = [];
  window.notices = [];
  window.outbox = new Outbox({
    canSend: () => canSend,
    send: (frame) => sent.push(frame),
    echoMissing: () => notices.push("echo missing"),
    deliveryFailed: () => notices.push("delivery failed"),
    changed: () => {},
  });
  window.write = (id) => outbox.add({ id, text: id, frame: `frame ${id}`, wasShown: false });
}"""


@pytest.fixture(scope="module")
def blank_tab(browser):
    page = browser.new_page()
    stop_clock(page)
    for script in ("basics", "frames", "connection", "outbox"):
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
