"use strict";

/*
  Catching up: which pages of the room's messages to request, so that this page misses none. docs/protocol.md, "Missing
  nothing", has the reasons.

  The place where the last catch-up ended is moved by pages only: a message that arrives on its own proves nothing about
  earlier ones. The class performs no I/O and reads no clock.
*/

const HISTORY_PAGE = 100;
// Milliseconds by which a message's id may precede the ids of messages that were stored earlier.
const ID_DISORDER = 30 * SECOND;
// For a moment after a connect, the server may not know the connection yet.
const FIRST_CHECK_AFTER = 4 * SECOND;
// Moves the place along, and finds a message whose delivery was cut off.
const NEXT_CHECK_AFTER = 5 * MINUTE;

class Sync {
  // The highest last id of a page. Null before the first page.
  #place = null;
  // The id after which the next page begins.
  #cursor = idAt(0);
  #phase = "entering";
  #hasNews = false;

  /* True after the last page: a message in flight when the connection was lost has arrived, if the server has it. */
  get isCaughtUp() {
    return this.#phase !== "entering" && this.#phase !== "paging";
  }

  /* Milliseconds until the next check() is due, or null after an answer that was not the last page. */
  get checkAfter() {
    return { settling: FIRST_CHECK_AFTER, settled: NEXT_CHECK_AFTER }[this.#phase] ?? null;
  }

  /* False if no message has arrived since the last check, which need not be repeated. */
  get hasNews() {
    return this.#hasNews || this.#phase === "settling";
  }

  /* The first request on a new connection. */
  start() {
    this.#phase = "entering";
    if (this.#place === null) return { action: "enter" };
    this.#cursor = this.#beforePlace;
    return { action: "enter", after: this.#place };
  }

  /* Records an answer; returns the next request, or null after the last page. */
  answered({ messages, more }) {
    const isFirst = this.#place === null;
    this.#cursor = messages.at(-1)?.id ?? this.#cursor;
    if (isFirst || this.#cursor > this.#place) this.#place = this.#cursor;
    // On the first page, `more` means that older messages exist.
    if (more && !isFirst) {
      if (this.#phase === "entering") this.#phase = "paging";
      return this.#page();
    }
    this.#phase = this.#phase === "checking" ? "settled" : "settling";
    return null;
  }

  /* The request for messages that this page may have missed. */
  check() {
    this.#phase = "checking";
    this.#hasNews = false;
    this.#cursor = this.#beforePlace;
    return this.#page();
  }

  /* Records that a message arrived without a request. */
  received() {
    this.#hasNews = true;
  }

  #page() {
    return { action: "history", after: this.#cursor, limit: HISTORY_PAGE };
  }

  get #beforePlace() {
    return idAt(timeOf(this.#place) - ID_DISORDER);
  }
}

/* The Unix time of a UUIDv7, in milliseconds. */
const timeOf = (id) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/* The smallest UUIDv7 of a time. */
function idAt(milliseconds) {
  const time = Math.max(0, milliseconds).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}
