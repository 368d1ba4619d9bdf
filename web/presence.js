"use strict";

/*
  Lines about people who join and leave. All changes between two messages share one line, and a person who comes back
  within a few seconds, after a reload or a lost connection, is not mentioned.
*/

const LEAVE_SHOWN_AFTER = 10 * SECOND;
const NAMES_SHOWN = 3;
// People remembered by a line, and departures that wait to be shown.
const CHANGES_MAXIMUM = 200;

/* The text of one line: who joined and who left. */
class PresenceLine {
  #joined = new Map();
  #left = new Map();
  #renamed = new Map();

  /* Records a change. A person who joined and left, or left and joined, is not mentioned. */
  record(event, id, label) {
    const [same, opposite] = event === "join" ? [this.#joined, this.#left] : [this.#left, this.#joined];
    if (event === "leave") this.#renamed.delete(id);
    if (!opposite.delete(id)) this.#keep(same, id, isolated(label));
  }

  rename(id, before, after) {
    if (this.#joined.has(id)) return this.#joined.set(id, isolated(after));
    const first = this.#renamed.get(id)?.before ?? isolated(before);
    this.#keep(this.#renamed, id, { before: first, after: isolated(after) });
  }

  /* The line, such as "Ann and Ben joined · Cy left"; empty if all changes cancel out. */
  get text() {
    const renamed = Array.from(this.#renamed.values(), ({ before, after }) => `${before} is now ${after}`);
    const names = renamed.length > NAMES_SHOWN ? [`${renamed.length} people changed their names`] : renamed;
    return [sentence(this.#joined, "joined"), sentence(this.#left, "left"), ...names].filter(Boolean).join(" · ");
  }

  #keep(map, id, value) {
    if (map.size < CHANGES_MAXIMUM || map.has(id)) map.set(id, value);
  }
}

const sentence = (people, verb) => (people.size ? `${listOf([...people.values()])} ${verb}` : "");

/* "Ann", "Ann and Ben", "Ann, Ben and Cy", "Ann, Ben and 12 others". */
function listOf(names) {
  if (names.length === 1) return names[0];
  const shown = names.length > NAMES_SHOWN ? names.slice(0, NAMES_SHOWN - 1) : names.slice(0, -1);
  const rest = names.length - shown.length;
  return `${shown.join(", ")} and ${rest === 1 ? names.at(-1) : `${rest} others`}`;
}

/* Turns presence frames into lines. Calls show(line) for a changed line. */
class Presence {
  #line = null;
  #departures = new Map();
  #timer = null;
  #show;
  #isLast;

  /* isLast(line): true if no message follows the line, so that it may still change. */
  constructor(show, isLast) {
    this.#show = show;
    this.#isLast = isLast;
  }

  joined({ id, name }, label) {
    const departure = this.#departures.get(id);
    if (!departure) return this.#change((line) => line.record("join", id, label));
    this.#departures.delete(id);
    if (departure.name !== name) this.#change((line) => line.rename(id, departure.label, label));
  }

  left({ id, name }, label) {
    if (this.#departures.size >= CHANGES_MAXIMUM) return;
    this.#departures.set(id, { name, label, at: now() + LEAVE_SHOWN_AFTER });
    this.#timer ??= setTimeout(() => this.#showDepartures(), LEAVE_SHOWN_AFTER);
  }

  renamed(id, before, after) {
    this.#change((line) => line.rename(id, before, after));
  }

  /* Forgets everything: the page enters another room. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#line = null;
    this.#departures.clear();
  }

  #showDepartures() {
    this.#timer = null;
    const due = [...this.#departures].filter(([, { at }]) => at <= now());
    for (const [id] of due) this.#departures.delete(id);
    if (due.length) {
      this.#change((line) => due.forEach(([id, { label }]) => line.record("leave", id, label)));
    }
    const [next] = this.#departures.values();
    if (next) this.#timer = setTimeout(() => this.#showDepartures(), Math.max(next.at - now(), SECOND));
  }

  #change(action) {
    if (!this.#line || !this.#isLast(this.#line)) this.#line = new PresenceLine();
    action(this.#line);
    this.#show(this.#line);
  }
}
