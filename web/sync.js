"use strict";

/*
  Catching up: which pages of the room's messages to request, so that this page misses none.

  On each connection, `enter` returns the messages since the last one that this page has, reaching back 30 s further,
  because the server's functions store messages concurrently. `history` returns the pages that follow. A few seconds
  later, one more `history` finds the messages that were sent while the server did not yet see the new connection.

  The class performs no I/O and reads no clock.
*/

const HISTORY_PAGE = 100;
// Milliseconds that a message's id may be behind the ids of messages stored before it.
const ID_DISORDER = 30 * SECOND;
const CHECK_AFTER = 4 * SECOND;

class Sync {
  // Every message up to this id has arrived. Null before the first page.
  #complete = null;
  #newest = "";
  #cursor = "";
  #phase = "entering";

  /* True after the last page: a message in flight when the connection was lost has arrived, if the server has it. */
  get isCaughtUp() {
    return this.#phase !== "entering" && this.#phase !== "paging";
  }

  /* True if check() is due CHECK_AFTER milliseconds after the last answer. */
  get needsCheck() {
    return this.#phase === "settling";
  }

  /* The first request on a new connection. */
  start() {
    this.#phase = "entering";
    return this.#complete === null ? { action: "enter" } : { action: "enter", after: this.#complete };
  }

  /* Records an answer; returns the next request, or null. */
  answered({ messages, more }) {
    const isFirst = this.#complete === null;
    this.#cursor = messages.at(-1)?.id ?? this.#complete ?? idAt(0);
    this.#complete = latest(this.#complete ?? "", this.#cursor);
    // On the first page, `more` means that there are older messages.
    if (more && !isFirst && messages.length > 0) {
      if (this.#phase === "entering") this.#phase = "paging";
      return this.#page(this.#cursor);
    }
    this.#phase = this.#phase === "checking" ? "live" : "settling";
    if (this.#phase === "live") this.#complete = latest(this.#complete, this.#newest);
    return null;
  }

  /* The request for messages that the connection may have missed while it was new. */
  check() {
    this.#phase = "checking";
    return this.#page(idAt(timeOf(this.#cursor) - ID_DISORDER));
  }

  /* Records a message that arrived without a request. */
  received(id) {
    this.#newest = latest(this.#newest, id);
    if (this.#phase === "live") this.#complete = latest(this.#complete, id);
  }

  #page(after) {
    return { action: "history", after, limit: HISTORY_PAGE };
  }
}

const latest = (a, b) => (a > b ? a : b);

/* The Unix time of a UUIDv7, in milliseconds. */
const timeOf = (id) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/* The smallest UUIDv7 of a time. */
function idAt(milliseconds) {
  const time = Math.max(0, milliseconds).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}
