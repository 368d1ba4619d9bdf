"use strict";

/*
  The typing indicator. A signal is a message to everyone in the room: a page sends at most one in 4 s, and none in a
  room of more than 20 people.
*/

const TYPING_EVERY = 4 * SECOND;
const TYPING_SHOWN = 6 * SECOND;
const TYPING_PEOPLE_MAXIMUM = 20;
const TYPING_NAMES = 2;

class Typing {
  #sentAt = -Infinity;
  #people = new Map();
  #timer = null;
  #show;

  /* show(text): shows who is typing, or nothing for an empty text. */
  constructor(show) {
    this.#show = show;
  }

  /* Returns true if a signal is due: the person changed the text in a room of `count` people. */
  typed(text, count) {
    if (text.trim() === "" || count < 2 || count > TYPING_PEOPLE_MAXIMUM) return false;
    if (now() - this.#sentAt < TYPING_EVERY) return false;
    this.#sentAt = now();
    return true;
  }

  /* The person's message was sent: the next one is signaled again at once. */
  sent() {
    this.#sentAt = -Infinity;
  }

  /* Handles a signal from another person. */
  received(id, label) {
    if (this.#people.size >= TYPING_PEOPLE_MAXIMUM && !this.#people.has(id)) return;
    this.#people.delete(id);
    this.#people.set(id, { label, until: now() + TYPING_SHOWN });
    this.#timer ??= setTimeout(() => this.#update(), TYPING_SHOWN);
    this.#draw();
  }

  /* A person's message arrived, or the person left. */
  ended(id) {
    if (this.#people.delete(id)) this.#draw();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#people.clear();
    this.#sentAt = -Infinity;
    this.#draw();
  }

  #update() {
    for (const [id, { until }] of this.#people) if (until <= now()) this.#people.delete(id);
    const [oldest] = this.#people.values();
    this.#timer = oldest ? setTimeout(() => this.#update(), Math.max(oldest.until - now(), SECOND / 4)) : null;
    this.#draw();
  }

  #draw() {
    const labels = Array.from(this.#people.values(), ({ label }) => isolated(label));
    if (!labels.length) return this.#show("");
    if (labels.length > TYPING_NAMES) return this.#show("Several people are typing…");
    this.#show(`${labels.join(" and ")} ${labels.length === 1 ? "is" : "are"} typing…`);
  }
}
