"use strict";

/*
  What the person has not sent: messages and drafts by room. They survive the redirection of a sign-in in the tab's
  session storage, for the same person only.
*/

const UNSENT = "chat-unsent";

class Leftovers {
  // By room: { entries, draft }.
  #rooms = new Map();
  // True if keep() has kept everything: the page may be left without a question.
  isKept = false;

  put(room, entries, draft) {
    if (entries.length || draft) this.#rooms.set(room, { entries, draft });
  }

  /* Removes and returns what was left in a room. */
  take(room) {
    const found = this.#rooms.get(room) ?? { entries: [], draft: "" };
    this.#rooms.delete(room);
    return found;
  }

  get hasMessages() {
    return [...this.#rooms.values()].some(({ entries }) => entries.length > 0);
  }

  /* True if a redirection has kept something that is not restored yet. */
  get isRestorable() {
    try {
      return sessionStorage.getItem(UNSENT) !== null;
    } catch {
      return false;
    }
  }

  /* Keeps everything for a person, or for the next one who signs in if `owner` is null. */
  keep(owner) {
    if (!this.#rooms.size) return;
    const plain = ({ id, text, frame, time, failed, isForbidden }) => ({ id, text, frame, time, failed, isForbidden });
    const plainRoom = ([room, { entries, draft }]) => [room, { entries: entries.map(plain), draft }];
    const rooms = Array.from(this.#rooms, plainRoom);
    try {
      sessionStorage.setItem(UNSENT, JSON.stringify({ owner, rooms }));
      this.isKept = true;
    } catch {
      // The storage is full or denied: the browser asks before it leaves the page.
    }
  }

  /* Restores what was kept for a person. Returns the number of another person's messages, which are discarded. */
  restore(person) {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(UNSENT));
      sessionStorage.removeItem(UNSENT);
    } catch {
      // The browser denies the storage: nothing was kept.
    }
    if (!kept) return 0;
    const { owner, rooms } = kept;
    if (owner !== null && owner !== person) return rooms.reduce((sum, [, { entries }]) => sum + entries.length, 0);
    for (const [room, { entries, draft }] of rooms) {
      this.put(room, entries.map((entry) => ({ ...entry, time: new Date(entry.time) })), draft);
    }
    return 0;
  }
}
