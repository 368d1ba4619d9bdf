"use strict";

const OLDER_TEXTS = {
  none: "",
  more: "Show older messages",
  loading: "Loading older messages…",
  start: "There are no older messages.",
  full: `This page shows the last ${MESSAGES_SHOWN.toLocaleString()} messages at most.`,
};

/* Loads older messages above the conversation, by a button or on scrolling up. */
class Older {
  #hasMore = false;
  #isLoading = false;
  #conversation;
  #session;
  #itemOf;

  /* session(): the room's session. itemOf(message): the message as the conversation shows it. */
  constructor(conversation, session, itemOf) {
    this.#conversation = conversation;
    this.#session = session;
    this.#itemOf = itemOf;
    element("load-older").addEventListener("click", () => this.load());
  }

  /* Handles the first "entered" frame of a room. */
  entered({ more, messages }) {
    this.#hasMore = more;
    this.show(more ? "more" : messages.length ? "start" : "none");
  }

  load() {
    const session = this.#session();
    if (!this.#hasMore || this.#isLoading || !session.isConnected) return;
    if (this.#conversation.isFull) return this.show("full");
    this.#isLoading = true;
    this.show("loading");
    session.loadOlder(this.#conversation.oldestId, (page) => {
      if (session !== this.#session()) return;
      this.#isLoading = false;
      this.#hasMore = page === null || (page.more && page.messages.length > 0);
      this.show(this.#hasMore ? "more" : "start");
      if (page) this.#conversation.addOlder(page.messages.map((message) => this.#itemOf(message)));
    });
  }

  clear() {
    this.#hasMore = this.#isLoading = false;
    this.show("none");
  }

  /* Shows whether older messages exist: a key of OLDER_TEXTS. */
  show(state) {
    const isButton = state === "more" || state === "loading";
    const button = element("load-older");
    if (!isButton && document.activeElement === button) element("chat-box").focus({ preventScroll: true });
    button.hidden = !isButton;
    button.setAttribute("aria-disabled", String(state === "loading"));
    button.textContent = OLDER_TEXTS[state];
    element("older-end").textContent = isButton ? "" : OLDER_TEXTS[state];
  }
}
