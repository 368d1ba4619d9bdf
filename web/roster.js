"use strict";

const PEOPLE_REFRESHED_AFTER = 10 * SECOND;

/* Who is in the room, as the page shows it: labels, the list, lines about changes, the typing indicator. */
class Roster {
  #labels = new Labels();
  #people = new People();
  #typing = new Typing((text) => showText("typing", text));
  #panel = new Panel(() => this.#shown(), () => this.refresh());
  #presence;
  #session;
  #askedAt = -Infinity;

  /* session(): the room's session. Lines are shown in the conversation. */
  constructor(conversation, session) {
    this.#session = session;
    this.#presence = new Presence((line) => conversation.showLine(line), (line) => conversation.isLast(line));
  }

  /* The distinct label of a user. */
  labelOf(user) {
    return this.#labels.of(user);
  }

  /* Shows the people of an "entered" or "who" frame. */
  show(frame) {
    // The page's own person keeps the name; a namesake is numbered.
    if (frame.you) this.labelOf(frame.you);
    this.#people.set(frame);
    this.#panel.update();
  }

  /* Handles a presence frame. */
  change(frame) {
    const { event, user } = frame;
    const label = this.labelOf(user);
    this.#people.change(frame);
    this.#panel.update();
    if (event === "join") this.#presence.joined(user, label);
    else {
      this.#typing.ended(user.id);
      this.#presence.left(user, label);
    }
    if (this.#people.isIncomplete) this.refresh();
  }

  /* Handles a message's sender: the person types no longer, and may have a new name. */
  wrote(user, isNew) {
    this.#typing.ended(user.id);
    if (isNew && this.#people.rename(user)) this.#panel.update();
  }

  /* Handles a signal. Each shows the person's current name. */
  signaled({ user, message }) {
    const before = this.#people.rename(user);
    if (before) {
      this.#presence.renamed(user.id, this.labelOf({ id: user.id, name: before }), this.labelOf(user));
      this.#panel.update();
    }
    if (Object(message).typing === true) this.#typing.received(user.id, this.labelOf(user));
  }

  /* Tells the others that the person types, unless they were told moments ago. */
  typed(text) {
    const session = this.#session();
    if (session.isConnected && this.#typing.typed(text, this.#people.count)) session.signal({ typing: true });
  }

  sent() {
    this.#typing.sent();
  }

  /* The server announces no one in rooms of more than 100 people: opening the list reads it again. */
  refresh() {
    if (now() - this.#askedAt < PEOPLE_REFRESHED_AFTER) return;
    this.#askedAt = now();
    this.#session().refreshPeople();
  }

  /* Forgets the room. Labels stay: they are the same in all rooms. */
  clear() {
    this.#presence.clear();
    this.#typing.clear();
    this.#people.set({ users: [], count: 0 });
    this.#panel.update();
  }

  #shown() {
    const { ownId } = this.#session();
    const isOwn = (user) => user.id === ownId;
    const users = [...this.#people.users.values()].sort((a, b) => isOwn(b) - isOwn(a));
    const labels = users.map((user) => ({ label: this.labelOf(user), hue: hueOf(user.id), isOwn: isOwn(user) }));
    return { labels, count: ownId ? this.#people.count : null };
  }
}
