"use strict";

/*
  Message delivery: guarantees and limits.

  A message stays in the outbox until the server delivers it back with its clientId and this person's id, live or in a
  page of the history. After a loss of the connection, the page first catches up, then sends what is still pending with
  the same clientId. One message is in flight at a time: API Gateway handles messages in parallel and could reorder two.

  Limits:
  - A message is lost if its page is closed before the echo arrives. The browser asks for confirmation first.
  - If a function stores a message after the page has caught up, the message is stored twice. Pages show it once.
*/

const ECHO_WITHIN = 30 * SECOND;
const DELIVERY_ATTEMPTS = 5;
const IDS_REMEMBERED = 5000;
// Errors that a retry cannot change.
const PERMANENT = ["invalid", "too_large", "forbidden"];

/*
  A queue of messages { id, text, frame, time, failed, isForbidden } whose echo is pending, oldest first, with one in
  flight at a time.

  Handlers: canSend(), send(entry), echoMissing(), uncertain(delay), failed(text), changed(). After uncertain(delay),
  the caller looks for the message in the history once the milliseconds have passed, and then calls next().
*/
class Outbox {
  #entries;
  #inFlight = null;
  #awaitsEcho = false;
  #isDoubted = false;
  #timer;
  #handlers;

  constructor(entries, handlers) {
    this.#entries = [...entries];
    this.#handlers = handlers;
  }

  get entries() {
    return [...this.#entries];
  }

  get awaitsEcho() {
    return this.#awaitsEcho;
  }

  add(entry) {
    this.#entries.push({ attempts: 0, failed: false, isForbidden: false, ...entry });
    this.next();
  }

  /* Sends the oldest message if none is in flight. */
  next() {
    if (!this.#inFlight && this.#handlers.canSend()) {
      this.#inFlight = this.#entries.find((entry) => !entry.failed) ?? null;
      if (this.#inFlight) this.#send();
    }
    this.#handlers.changed();
  }

  /* Removes the message with this id, whose echo arrived. */
  confirm(id) {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (!entry) return;
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    if (entry === this.#inFlight) this.pause();
    this.next();
  }

  /* Handles an error for the message with this id: retries it after a backoff, or gives it up. */
  serverFailed(id, code, text, retryAfter = null) {
    if (!this.#awaitsEcho || id !== this.#inFlight.id) return;
    const entry = this.#inFlight;
    this.#awaitsEcho = false;
    clearTimeout(this.#timer);
    if (code === "rate_limited" && retryAfter !== null) {
      // The message was not stored, and the server says when it accepts the next: the attempt does not count.
      this.#timer = setTimeout(() => this.#send(), retryAfter);
      return;
    }
    if (PERMANENT.includes(code)) entry.attempts = DELIVERY_ATTEMPTS;
    // The page offers no retry to a person who may not write.
    entry.isForbidden = code === "forbidden";
    if (this.#recordFailure(text)) return;
    const delay = backoff(entry.attempts);
    if (code === "rate_limited") this.#timer = setTimeout(() => this.#send(), delay);
    else this.#lookFor(delay);
  }

  /* Waits less for the echo: an error frame that does not identify its message has arrived. */
  doubt(text) {
    if (!this.#awaitsEcho || this.#isDoubted) return;
    this.#isDoubted = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#awaitsEcho = false;
      const entry = this.#inFlight;
      if (!this.#recordFailure(text)) this.#lookFor(backoff(entry.attempts));
    }, DOUBTED_WITHIN);
  }

  /* Stops waiting for the echo; next() sends the message again. */
  pause() {
    clearTimeout(this.#timer);
    this.#inFlight = null;
    this.#awaitsEcho = false;
  }

  retryFailed() {
    for (const entry of this.#entries) if (!entry.isForbidden) Object.assign(entry, { failed: false, attempts: 0 });
    this.next();
  }

  removeFailed() {
    this.#entries = this.#entries.filter((entry) => !entry.failed);
    this.next();
  }

  #send() {
    this.#awaitsEcho = true;
    this.#isDoubted = false;
    this.#timer = setTimeout(() => this.#echoMissing(), ECHO_WITHIN);
    this.#handlers.send(this.#inFlight);
  }

  /* The message may be stored although it failed: sending it again at once could duplicate it. */
  #lookFor(delay) {
    this.pause();
    this.#handlers.uncertain(delay);
  }

  /* Requests a new socket, which recovers from a lost message and from a dead socket alike. */
  #echoMissing() {
    this.#recordFailure("");
    this.#handlers.echoMissing();
  }

  /* Counts a failed attempt; returns true if it was the last. */
  #recordFailure(text) {
    const entry = this.#inFlight;
    entry.attempts += 1;
    entry.failed = entry.attempts >= DELIVERY_ATTEMPTS;
    if (entry.failed) {
      this.#handlers.failed(text);
      this.pause();
      this.next();
    }
    return entry.failed;
  }
}

/* A set of ids that drops its oldest members. */
class RecentIds {
  #ids = new Set();

  has(id) {
    return this.#ids.has(id);
  }

  /* Adds an id; returns false if it was present. */
  add(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > IDS_REMEMBERED) this.#ids.delete(this.#ids.values().next().value);
    return true;
  }
}
