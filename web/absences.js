"use strict";

/* What a page does for those who were cut off: it repeats its own messages of that time. */

const AWAY_MAXIMUM = 2 * MINUTE;
const AWAY_SLACK = 10 * SECOND;
const REPEATED_MAXIMUM = 200;
const REPEAT_DELAY_MAXIMUM = 30 * SECOND;

/* Own messages that arrived, to be repeated. `repeat` is called with each of them. */
class Repeats {
  #arrived = [];
  #repeat;
  #timer = null;
  #since = Infinity;
  #delay = SECOND;
  #lastReturn = -Infinity;

  constructor(repeat) {
    this.#repeat = repeat;
  }

  remember(entry) {
    this.#arrived.push({ ...entry, wasShown: true, arrivedAt: now() });
    if (this.#arrived.length > REPEATED_MAXIMUM) this.#arrived.shift();
  }

  /*
    Schedules the repeats for somebody who returned. Many may return at once, and anybody can forge the frame: returns
    are gathered, for longer the more there are, and one round of repeats answers them all.
  */
  returned(milliseconds) {
    this.#since = Math.min(this.#since, now() - Math.min(milliseconds, AWAY_MAXIMUM) - AWAY_SLACK);
    if (now() - this.#lastReturn > MINUTE) this.#delay = SECOND;
    this.#lastReturn = now();
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#repeatAll(), this.#delay * (0.5 + Math.random()));
    this.#delay = Math.min(this.#delay * 2, REPEAT_DELAY_MAXIMUM);
  }

  #repeatAll() {
    for (const entry of this.#arrived) if (entry.arrivedAt >= this.#since) this.#repeat(entry);
    this.#timer = null;
    this.#since = Infinity;
  }
}

/* The absence of this page, from the loss of its connection to the return that the server has delivered. */
class Absence {
  #lostAt = null;
  #isExact = true;

  lost(isExact) {
    this.#lostAt ??= now();
    this.#isExact &&= isExact;
  }

  /* { seconds, away }: how long ago the loss was noticed, and what others are told; null if nothing was lost. */
  get lasting() {
    if (this.#lostAt === null) return null;
    const seconds = Math.ceil((now() - this.#lostAt) / SECOND);
    // The socket may have been dead for longer, and the clock stops while a machine sleeps: ask for all there is.
    return { seconds, away: this.#isExact ? seconds : Math.max(seconds, AWAY_MAXIMUM / SECOND) };
  }

  ended() {
    this.#lostAt = null;
    this.#isExact = true;
  }
}
