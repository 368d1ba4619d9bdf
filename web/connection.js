"use strict";

/*
  A heartbeat is sent after this much silence, and answered by the server. An unanswered one means a dead socket: after a
  change of network a browser may take many minutes to notice. The jitter spreads the heartbeats of pages that all heard
  the same last message. Together with ANSWER_WITHIN and the first backoff, a page hears again within 50 s.
*/
const HEARTBEAT_AFTER = 30 * SECOND;
const HEARTBEAT_JITTER = 10 * SECOND;
const ANSWER_WITHIN = 8 * SECOND;
// A hidden page has no reader: its heartbeats only prevent API Gateway's idle timeout of 10 minutes.
const HEARTBEAT_AFTER_HIDDEN = 4 * MINUTE;
// A socket that delivered a frame this recently needs no check.
const FRESH_FOR = 2 * SECOND;
const OPEN_WITHIN = 10 * SECOND;
const STABLE_AFTER = 10 * SECOND;

/*
  A WebSocket that is replaced when it is lost, until it is stopped.

  Handlers: state(name, seconds), opened(), frame(data, isAnswer), lost(isExact). `frame` returns true for the answer to
  a heartbeat. `isExact` is false if the socket may have been dead before; `lost` is also called by stop(), with null.
*/
class Connection {
  #url;
  #handlers;
  #socket = null;
  #attempt = 0;
  #timer;
  #heartbeat;
  #openedAt = null;
  #heardAt = 0;
  #isWaiting = false;
  #isProbing = false;
  #hasAnswered = false;
  #unanswered = 0;

  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /* True while a heartbeat waits for its answer. */
  get isProbing() {
    return this.#isProbing;
  }

  start() {
    if (this.#socket) return;
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    this.#abandon();
    this.#handlers.lost(null);
    this.#handlers.state("stopped");
  }

  send(text) {
    this.#socket.send(text);
  }

  /* Checks an open socket, or ends the wait for the next attempt. For moments at which the network may have changed. */
  check() {
    if (this.#isWaiting) return this.#open();
    if (!this.isOpen) return;
    if (now() - this.#heardAt > FRESH_FOR) this.#probe();
    // A page that is visible again needs its heartbeats sooner.
    else this.#scheduleHeartbeat();
  }

  /* Gives up the socket and opens another one after a backoff. */
  replace(isExact = false) {
    const wasOpen = this.#openedAt !== null;
    // A server that accepts and drops at once must not be tried every second.
    if (wasOpen && now() - this.#openedAt > STABLE_AFTER) this.#attempt = 0;
    this.#abandon();
    if (wasOpen) this.#handlers.lost(isExact);
    this.#retryAt(now() + backoff(this.#attempt++));
  }

  #open() {
    clearTimeout(this.#timer);
    this.#isWaiting = false;
    this.#handlers.state("connecting");
    const socket = this.#socket = new WebSocket(this.#url);
    // Blobs could only be read later, after the next frame.
    socket.binaryType = "arraybuffer";
    const ifCurrent = (action) => (event) => { if (socket === this.#socket) action(event); };
    socket.onopen = ifCurrent(() => this.#opened());
    socket.onmessage = ifCurrent((event) => this.#received(event.data));
    socket.onclose = ifCurrent((event) => this.replace(event.wasClean));
    this.#timer = setTimeout(() => this.replace(), OPEN_WITHIN);
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#openedAt = now();
    this.#heard();
    this.#handlers.state("connected");
    this.#handlers.opened();
  }

  #received(data) {
    const wasProbing = this.#isProbing;
    this.#heard();
    if (!this.#handlers.frame(data, wasProbing) || this.#hasAnswered) return;
    this.#hasAnswered = true;
    if (this.isOpen) this.#scheduleHeartbeat();
  }

  /* Every frame is proof of life, and restarts the silence. */
  #heard() {
    this.#heardAt = now();
    this.#isProbing = false;
    this.#scheduleHeartbeat();
  }

  #scheduleHeartbeat() {
    const isRare = document.hidden || this.#ignoresHeartbeats;
    const silence = isRare ? HEARTBEAT_AFTER_HIDDEN : HEARTBEAT_AFTER + Math.random() * HEARTBEAT_JITTER;
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => this.#probe(), silence);
  }

  /* True for a server that never answered a heartbeat, on two sockets: without a route for them, silence is no proof. */
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

  #abandon() {
    this.#isWaiting = false;
    this.#isProbing = false;
    this.#openedAt = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#heartbeat);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
