"use strict";

/*
  The page sends a heartbeat after this time without a frame, and the server answers it. A missing answer means a dead
  socket, which a browser may take many minutes to report after a change of network. Jitter spreads the heartbeats of
  pages that received the same last message. With ANSWER_WITHIN and the first backoff, a page recovers within 50 s.
*/
const HEARTBEAT_AFTER = 30 * SECOND;
const HEARTBEAT_JITTER = 10 * SECOND;
const ANSWER_WITHIN = 8 * SECOND;
// The heartbeats of a hidden page only prevent API Gateway's idle timeout of 10 minutes.
const HEARTBEAT_AFTER_HIDDEN = 4 * MINUTE;
// A socket that delivered a frame this recently needs no check.
const FRESH_FOR = 2 * SECOND;
const OPEN_WITHIN = 10 * SECOND;
const STABLE_AFTER = 10 * SECOND;

/*
  A WebSocket connection that reconnects after a loss, until stop() is called.

  Handlers:
  - state(name, seconds): the state, and the seconds until the next attempt while reconnecting.
  - refused(): a socket was closed before it was open. Browsers do not tell why.
  - opened(): a socket is open.
  - frame(data): returns true if the frame answers a heartbeat.
  - lost(): the open socket was lost, replaced or closed.
*/
class Connection {
  #address;
  // The promise of the address of the next socket, while it is pending.
  #preparation = null;
  #handlers;
  #socket = null;
  #attempt = 0;
  #timer;
  #heartbeat;
  #openedAt = null;
  #aliveAt = 0;
  #isWaiting = false;
  #isProbing = false;
  #hasAnswered = false;
  #unanswered = 0;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /* True while the answer to a heartbeat is pending. */
  get isProbing() {
    return this.#isProbing;
  }

  /*
    Connects to an address: a URL, or a function that is called before each attempt and returns a promise of a URL. If
    the promise is rejected, the attempt has failed; if it yields null, the connection stops in the state "signed-out".
  */
  start(address) {
    if (this.#socket || this.#preparation) return;
    this.#address = address;
    this.#attempt = 0;
    this.#open();
  }

  stop(state = "stopped") {
    this.#closeSocket();
    this.#handlers.lost();
    this.#handlers.state(state);
  }

  /* Connects to another address, unless stopped. */
  moveTo(address) {
    if (!this.#socket && !this.#preparation && !this.#isWaiting) return;
    this.#address = address;
    this.#attempt = 0;
    this.#closeSocket();
    this.#handlers.lost();
    this.#open();
  }

  send(text) {
    this.#socket.send(text);
  }

  /* Probes an open socket, or reconnects at once during a backoff. Call it when the network may have changed. */
  check() {
    if (this.#isWaiting) return this.#open();
    if (!this.isOpen) return;
    if (now() - this.#aliveAt > FRESH_FOR) this.#probe();
    // A page that became visible needs the shorter heartbeat interval.
    else this.#scheduleHeartbeat();
  }

  /* Closes the socket and opens a new one after a backoff. */
  replace() {
    const wasOpen = this.#openedAt !== null;
    // Only a stable connection resets the backoff: a server may accept connections and drop them at once.
    if (wasOpen && now() - this.#openedAt > STABLE_AFTER) this.#attempt = 0;
    this.#closeSocket();
    if (wasOpen) this.#handlers.lost();
    this.#retryAt(now() + backoff(this.#attempt++));
  }

  #open() {
    clearTimeout(this.#timer);
    this.#isWaiting = false;
    this.#handlers.state("connecting");
    if (typeof this.#address === "string") this.#connect(this.#address);
    else this.#connectWhenKnown(this.#address());
  }

  async #connectWhenKnown(address) {
    this.#preparation = address;
    let url;
    try {
      url = await address;
    } catch {
      if (this.#preparation === address) this.replace();
      return;
    }
    if (this.#preparation !== address) return;
    this.#preparation = null;
    if (url === null) this.stop("signed-out");
    else this.#connect(url);
  }

  #connect(url) {
    const socket = this.#socket = new WebSocket(url);
    // Reading a Blob is asynchronous and could reorder frames.
    socket.binaryType = "arraybuffer";
    const ifCurrent = (action) => (event) => { if (socket === this.#socket) action(event); };
    socket.onopen = ifCurrent(() => this.#opened());
    socket.onmessage = ifCurrent((event) => this.#received(event.data));
    socket.onclose = ifCurrent(() => this.#closed());
    this.#timer = setTimeout(() => this.replace(), OPEN_WITHIN);
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#openedAt = now();
    this.#markAlive();
    this.#handlers.state("connected");
    this.#handlers.opened();
  }

  #closed() {
    if (this.#openedAt === null) this.#handlers.refused();
    this.replace();
  }

  #received(data) {
    this.#markAlive();
    if (!this.#handlers.frame(data) || this.#hasAnswered) return;
    this.#hasAnswered = true;
    if (this.isOpen) this.#scheduleHeartbeat();
  }

  /* Restarts the heartbeat interval: every frame shows that the socket is alive. */
  #markAlive() {
    this.#aliveAt = now();
    this.#isProbing = false;
    this.#scheduleHeartbeat();
  }

  #scheduleHeartbeat() {
    const isRare = document.hidden || this.#ignoresHeartbeats;
    const silence = isRare ? HEARTBEAT_AFTER_HIDDEN : HEARTBEAT_AFTER + Math.random() * HEARTBEAT_JITTER;
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => this.#probe(), silence);
  }

  /* True if two heartbeats were unanswered and none was ever answered: the server has no heartbeat route. */
  get #ignoresHeartbeats() {
    return !this.#hasAnswered && this.#unanswered >= 2;
  }

  #probe() {
    if (this.#isProbing) return;
    this.#socket.send(HEARTBEAT);
    if (this.#ignoresHeartbeats) return this.#scheduleHeartbeat();
    this.#isProbing = true;
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => this.#heartbeatUnanswered(), ANSWER_WITHIN);
  }

  #heartbeatUnanswered() {
    this.#unanswered += 1;
    this.replace();
  }

  #retryAt(time) {
    const left = time - now();
    if (left <= 0) return this.#open();
    this.#isWaiting = true;
    this.#handlers.state("reconnecting", Math.ceil(left / SECOND));
    this.#timer = setTimeout(() => this.#retryAt(time), left % SECOND || SECOND);
  }

  #closeSocket() {
    this.#isWaiting = false;
    this.#isProbing = false;
    this.#openedAt = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#heartbeat);
    const socket = this.#socket;
    this.#preparation = null;
    this.#socket = null;
    socket?.close();
  }
}
