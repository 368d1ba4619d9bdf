"use strict";

/* Recovery after a disconnection: each page repeats the messages that it sent while another page was disconnected. */

const AWAY_MAXIMUM = 2 * MINUTE;
const AWAY_MARGIN = 10 * SECOND;
const REPEATS_MAXIMUM = 200;
const REPEAT_DELAY_MAXIMUM = 30 * SECOND;

/* The page's latest delivered messages. Calls `repeat` with each message that another page may have missed. */
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
    if (this.#arrived.length > REPEATS_MAXIMUM) this.#arrived.shift();
  }

  /*
    Schedules repeats for a page that was disconnected for this long. Many pages may reconnect at once, and any client
    can forge the frame: requests are batched with an increasing delay, and one round of repeats serves a whole batch.
  */
  schedule(milliseconds) {
    this.#since = Math.min(this.#since, now() - Math.min(milliseconds, AWAY_MAXIMUM) - AWAY_MARGIN);
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

/* The time that this page missed: from the loss of its connection until its "away" frame is delivered. */
class Absence {
  #lostAt = null;
  #isExact = true;

  lost(isExact) {
    this.#lostAt ??= now();
    this.#isExact &&= isExact;
  }

  /* The seconds since the loss was detected, and the seconds to announce as `away`; null if no connection was lost. */
  get duration() {
    if (this.#lostAt === null) return null;
    const seconds = Math.ceil((now() - this.#lostAt) / SECOND);
    // The socket may have died earlier, and the clock may stop while the machine sleeps: request the maximum.
    return { seconds, away: this.#isExact ? seconds : Math.max(seconds, AWAY_MAXIMUM / SECOND) };
  }

  ended() {
    this.#lostAt = null;
    this.#isExact = true;
  }
}
