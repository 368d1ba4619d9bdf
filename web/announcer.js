"use strict";

/*
  Announcements to screen readers. The conversation itself is no live region: it also grows by old messages, and by
  floods, which would be read for minutes.
*/

const ANNOUNCE_AFTER = SECOND / 2;
const ANNOUNCED_AT_ONCE = 3;
const ANNOUNCED_CHARACTERS = 300;
const ANNOUNCEMENT_KEPT = 10 * SECOND;

class Announcer {
  #texts = [];
  #count = 0;
  #timer = null;

  /* Announces a message, or the number of messages if several arrive at once. */
  message(name, text) {
    this.#count += 1;
    if (this.#texts.length < ANNOUNCED_AT_ONCE) this.#texts.push(`${name}: ${text.slice(0, ANNOUNCED_CHARACTERS)}`);
    this.#timer ??= setTimeout(() => this.#announceMessages(), ANNOUNCE_AFTER);
  }

  say(text) {
    const line = build("p", "", text);
    element("announcer").append(line);
    setTimeout(() => line.remove(), ANNOUNCEMENT_KEPT);
  }

  #announceMessages() {
    const texts = this.#count > ANNOUNCED_AT_ONCE ? [numberOf(this.#count, "new message")] : this.#texts;
    for (const text of texts) this.say(text);
    this.#texts = [];
    this.#count = 0;
    this.#timer = null;
  }
}
