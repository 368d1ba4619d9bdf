"use strict";

/*
  How a message travels, and what the page guarantees.

  What a person sends is one frame, {"message", "id", "from"}, which the server delivers unchanged to every connection,
  the sender's included. That echo is the only receipt: API Gateway confirms nothing. A message stays in the outbox until
  its echo arrives, and is sent again, the same frame with the same id, on the next connection. A page drops an id that
  it has shown. One message is in flight at a time: API Gateway runs messages in parallel and could reorder two.

  A page that was cut off announces its return ({"away", "from"}), and every page repeats its own messages of that time.
  So two pages that lose the server together both end with all messages.

  Limits: a message is lost if its page is closed before the echo (the browser asks first). A message sent while a page
  is away reaches it only if its writer's page is open, for absences of up to two minutes. The last 5,000 ids are
  remembered. Senders are not authenticated: "from" is a claim, and the page calls a message its own only by an id it made.
*/

// API Gateway waits 29 s for a function: no echo arrives after that.
const ECHO_WITHIN = 30 * SECOND;
const DELIVERY_ATTEMPTS = 5;
const IDS_REMEMBERED = 5000;

/*
  Messages without an echo, oldest first, one in flight at a time.

  Handlers: canSend(), send(frame), echoMissing(), gaveUp(), changed().
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

  /* The messages that no echo has confirmed. Repeats of shown messages do not count. */
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

  /* Removes and returns the entry whose echo arrived; undefined for an id that is not pending here. */
  confirm(id) {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (!entry) return undefined;
    this.#remove(entry);
    if (entry === this.#inFlight) this.pause();
    this.next();
    return entry;
  }

  /* Retries the message in flight after a backoff. The server's error does not say which message failed. */
  serverFailed() {
    if (!this.#awaitsEcho) return;
    this.#awaitsEcho = false;
    clearTimeout(this.#timer);
    if (this.#givesUp()) return;
    this.#timer = setTimeout(() => this.#send(), backoff(this.#inFlight.attempts));
  }

  /* Stops waiting for an echo; next() sends again. */
  pause() {
    clearTimeout(this.#timer);
    this.#inFlight = null;
    this.#awaitsEcho = false;
  }

  tryFailedAgain() {
    for (const entry of this.#entries) Object.assign(entry, { failed: false, attempts: 0 });
    this.next();
  }

  #send() {
    this.#awaitsEcho = true;
    this.#handlers.send(this.#inFlight.frame);
    this.#timer = setTimeout(() => this.#echoMissing(), ECHO_WITHIN);
  }

  /* Either the message was lost or the socket is dead: a new socket serves both. */
  #echoMissing() {
    this.#givesUp();
    this.#handlers.echoMissing();
  }

  #remove(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
  }

  /* Counts a failed attempt; true for the last one. */
  #givesUp() {
    const entry = this.#inFlight;
    entry.attempts += 1;
    entry.failed = entry.attempts >= DELIVERY_ATTEMPTS;
    if (entry.failed) {
      if (entry.wasShown) this.#remove(entry);
      else this.#handlers.gaveUp();
      this.pause();
      this.next();
    }
    return entry.failed;
  }
}

/* A set that forgets its oldest members. */
class RecentIds {
  #ids = new Set();

  /* Adds an id; false if it was present. */
  add(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > IDS_REMEMBERED) this.#ids.delete(this.#ids.values().next().value);
    return true;
  }
}
