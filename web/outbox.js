"use strict";

/*
  Message delivery: protocol, guarantees and limits.

  A message is one frame, {"message", "id", "from"}. The server delivers the frame unchanged to every connection,
  including the sender's. This echo is the only receipt: API Gateway acknowledges nothing. A message stays in the outbox
  until its echo arrives. On each new connection, the page sends the same frame with the same id again. Pages ignore an
  id that they have already shown. One message is in flight at a time: API Gateway handles messages in parallel and
  could reorder two.

  A page that was disconnected sends {"away", "from"} when it reconnects, and every other page repeats the messages that
  it sent in the meantime. Two pages that lose the server at the same time therefore both receive all messages.

  Limits:
  - A message is lost if its page is closed before the echo arrives. The browser asks for confirmation first.
  - A disconnected page receives a missed message only if it was away for at most two minutes and the sender's page is
    still open.
  - A page remembers the last 5,000 ids.
  - Senders are not authenticated: "from" is a claim. A page treats a message as its own only if it generated the id.
*/

// API Gateway waits up to 29 s for a function.
const ECHO_WITHIN = 30 * SECOND;
const DELIVERY_ATTEMPTS = 5;
const IDS_REMEMBERED = 5000;

/*
  A queue of messages whose echo is pending, oldest first, with one in flight at a time.

  Handlers: canSend(), send(frame), echoMissing(), deliveryFailed(), changed().
*/
class Outbox {
  #entries = [];
  #inFlight = null;
  #awaitsEcho = false;
  #timer;
  #handlers;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  /* The messages whose echo is pending, except repeats of messages already shown. */
  get unconfirmed() {
    return this.#entries.filter((entry) => !entry.wasShown);
  }

  get awaitsEcho() {
    return this.#awaitsEcho;
  }

  add(entry) {
    if (this.#entries.some(({ id }) => id === entry.id)) return;
    this.#entries.push({ ...entry, attempts: 0, failed: false });
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

  /* Removes and returns the entry whose echo arrived; returns undefined if no entry has this id. */
  confirm(id) {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (!entry) return undefined;
    this.#remove(entry);
    if (entry === this.#inFlight) this.pause();
    this.next();
    return entry;
  }

  /* Retries the message in flight after a backoff. An error frame does not identify the failed message. */
  serverFailed() {
    if (!this.#awaitsEcho) return;
    this.#awaitsEcho = false;
    clearTimeout(this.#timer);
    if (this.#recordFailure()) return;
    this.#timer = setTimeout(() => this.#send(), backoff(this.#inFlight.attempts));
  }

  /* Stops waiting for the echo; next() sends the message again. */
  pause() {
    clearTimeout(this.#timer);
    this.#inFlight = null;
    this.#awaitsEcho = false;
  }

  retryFailed() {
    for (const entry of this.#entries) Object.assign(entry, { failed: false, attempts: 0 });
    this.next();
  }

  #send() {
    this.#awaitsEcho = true;
    this.#handlers.send(this.#inFlight.frame);
    this.#timer = setTimeout(() => this.#echoMissing(), ECHO_WITHIN);
  }

  /* Requests a new socket, which recovers from a lost message and from a dead socket alike. */
  #echoMissing() {
    this.#recordFailure();
    this.#handlers.echoMissing();
  }

  #remove(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
  }

  /* Counts a failed attempt; returns true if it was the last. */
  #recordFailure() {
    const entry = this.#inFlight;
    entry.attempts += 1;
    entry.failed = entry.attempts >= DELIVERY_ATTEMPTS;
    if (entry.failed) {
      if (entry.wasShown) this.#remove(entry);
      else this.#handlers.deliveryFailed();
      this.pause();
      this.next();
    }
    return entry.failed;
  }
}

/* A set of ids that drops its oldest members. */
class RecentIds {
  #ids = new Set();

  /* Adds an id; returns false if it was present. */
  add(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > IDS_REMEMBERED) this.#ids.delete(this.#ids.values().next().value);
    return true;
  }
}
