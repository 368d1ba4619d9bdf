"use strict";

// API Gateway waits up to 29 s for a function.
const REQUEST_WITHIN = 30 * SECOND;
// After an error frame that anyone may have sent.
const DOUBTED_WITHIN = 5 * SECOND;

const ANSWERS = { enter: "entered", history: "history", who: "who" };

/*
  Requests that the server answers to this page alone: enter, history and who. One is in flight at a time, because an
  answer does not identify its request.

  Handlers: send(text), timedOut().
*/
class Requests {
  #queue = [];
  #timer;
  #isDoubted = false;
  #handlers;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isPending() {
    return this.#queue.length > 0;
  }

  /* Sends a request once the earlier ones are answered. Calls `answered` with the answer, or `failed` with an error. */
  add(request, answered, failed = () => {}) {
    this.#queue.push({ request, answered, failed });
    if (this.#queue.length === 1) this.#send();
  }

  /* Handles an answer. An answer to no pending request is ignored. */
  answer(frame) {
    if (this.#queue.length && ANSWERS[this.#queue[0].request.action] === frame.kind) this.#next().answered(frame);
  }

  /* Handles an error frame; returns false if no request is pending. */
  fail(text) {
    if (!this.isPending) return false;
    this.#next().failed(text);
    return true;
  }

  /* Waits less for the pending request: an error frame that does not identify its request has arrived. */
  doubt(text) {
    if (!this.isPending || this.#isDoubted) return;
    this.#isDoubted = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fail(text), DOUBTED_WITHIN);
  }

  /* Fails all requests: the connection was lost. */
  clear() {
    clearTimeout(this.#timer);
    for (const { failed } of this.#queue.splice(0)) failed("");
  }

  #next() {
    clearTimeout(this.#timer);
    const first = this.#queue.shift();
    if (this.isPending) this.#send();
    return first;
  }

  #send() {
    this.#isDoubted = false;
    this.#handlers.send(JSON.stringify(this.#queue[0].request));
    this.#timer = setTimeout(() => this.#handlers.timedOut(), REQUEST_WITHIN);
  }
}
