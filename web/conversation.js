"use strict";

// A page of the history. A flood of messages is laid out when it comes into view.
const LAID_OUT_AT_ONCE = HISTORY_PAGE;

/* The conversation: messages and notes, drawn at most once per animation frame, and the messages to be sent. */
class Conversation {
  #timeline = new Timeline();
  #scroller = new Scroller(() => this.#moved());
  #arrived = [];
  #arrivedWeight = 0;
  #isScheduled = false;
  #isFull = false;
  #isLoaded = false;
  #unread = 0;
  #unseen = 0;
  #title = "";
  #handlers;

  /* Handlers: nearTop(), full(), announce(label, text). */
  constructor(handlers) {
    this.#handlers = handlers;
    element("new-messages").addEventListener("click", () => {
      this.scrollToBottom();
      element("chat-box").focus({ preventScroll: true });
    });
    document.addEventListener("visibilitychange", () => {
      this.#draw();
      this.#countUnseen(0);
    });
  }

  /* The id of the oldest message; undefined without one. */
  get oldestId() {
    return this.#timeline.oldestId;
  }

  /* True if the limits are reached: an older message would be dropped at once. */
  get isFull() {
    return this.#isFull;
  }

  /* True once the room's latest messages are known: an empty conversation says so. */
  set isLoaded(isLoaded) {
    this.#isLoaded = isLoaded;
    this.#updateEmpty();
  }

  set title(title) {
    this.#title = title;
    this.#countUnseen(this.#unseen);
  }

  /* Adds a message: { id, clientId, userId, text, isTruncated, label, hue, isOwn, time, isNew }. */
  addMessage(message) {
    this.#add(message);
  }

  addNote(text, isError = false) {
    this.#add({ note: text, isError });
  }

  /* Adds messages older than all others at once. */
  addOlder(messages) {
    this.#draw();
    const added = messages.filter((message) => !this.#timeline.has(message));
    this.#scroller.keep(() => {
      // From the newest to the oldest: what does not fit is dropped again.
      for (const item of added.reverse()) this.#insert(item);
      this.#trim();
      this.#layOutOnce(added);
    });
    this.#moved();
  }

  /* Removes a message that a moderator deleted. */
  removeMessage(id) {
    this.#arrived = this.#arrived.filter((item) => item.id !== id);
    this.#draw();
    const item = this.#timeline.find(id);
    if (!item) return;
    this.#scroller.keep(() => {
      if (item.node.contains(document.activeElement)) element("chat-box").focus({ preventScroll: true });
      this.#timeline.remove(item);
    });
    this.#updateEmpty();
  }

  /* Shows or updates a presence line: an object with a `text`. An empty one is removed. */
  showLine(line) {
    this.#draw();
    this.#scroller.keep(() => {
      if (line.item) this.#timeline.remove(line.item);
      line.item = { note: line.text };
      if (line.text) this.#insert(line.item);
    });
    this.#updateEmpty();
  }

  isLast(line) {
    this.#draw();
    return Boolean(line.item) && this.#timeline.last === line.item;
  }

  /* Shows the messages whose delivery is pending, below the delivered ones. */
  showOutbox(entries) {
    this.#draw();
    let previous = this.#timeline.last;
    const nodes = entries.map((entry) => {
      const item = { ...entry, userId: "", label: "", isOwn: true };
      entry.node ??= messageNode(item, () => this.#scroller.leaveBottom());
      entry.node.classList.add("pending");
      entry.node.classList.toggle("failed", entry.failed);
      entry.node.classList.toggle("follows", Boolean(previous?.isOwn) && isSameMinute(previous.time, entry.time));
      previous = item;
      return entry.node;
    });
    const box = element("outbox");
    for (const node of [...box.children]) if (!nodes.includes(node)) node.remove();
    for (const node of nodes) if (!node.isConnected) box.append(node);
    this.#updateEmpty();
  }

  scrollToBottom() {
    this.#scroller.toBottom();
    this.#countUnread(0);
  }

  clear() {
    this.#arrived = [];
    this.#arrivedWeight = 0;
    this.#isFull = this.#isLoaded = false;
    this.#timeline.clear();
    this.scrollToBottom();
    this.#updateEmpty();
  }

  // ---------------------------------------------------------------- Drawing

  #add(item) {
    this.#arrived.push(item);
    this.#arrivedWeight += weightOf(item);
    // Browsers may delay a hidden page's timers, and so the next draw, by a minute.
    while (this.#arrived.length > MESSAGES_SHOWN || this.#arrivedWeight > WEIGHT_KEPT) {
      this.#arrivedWeight -= weightOf(this.#arrived.shift());
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Browsers run no animation frames in a hidden page.
    if (document.hidden) setTimeout(() => this.#draw(), 200);
    else requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isScheduled = false;
    const items = this.#arrived.splice(0);
    if (!items.length) return;
    this.#arrivedWeight = 0;
    const added = [];
    this.#scroller.keep(() => {
      for (const item of items) {
        const isRepeated = item.note ? item.note === this.#timeline.last?.note : this.#timeline.has(item);
        if (isRepeated) continue;
        this.#insert(item);
        added.push(item);
      }
      this.#trim();
      if (added.length <= LAID_OUT_AT_ONCE) this.#layOutOnce(added);
    });
    this.#updateEmpty();
    this.#countNew(added.filter((item) => item.isNew && !item.isOwn));
    for (const { note, isError } of added) if (isError) this.#handlers.announce("", note);
    this.#moved();
  }

  #insert(item) {
    item.node = item.note ? noteNode(item) : messageNode(item, () => this.#scroller.leaveBottom());
    this.#timeline.insert(item);
  }

  #trim() {
    if (!this.#timeline.trim() || this.#isFull) return;
    this.#isFull = true;
    this.#handlers.full();
  }

  /*
    Lays messages out although they are off-screen, so that the browser knows their heights: an estimated height above
    the reader would make the conversation jump.
  */
  #layOutOnce(items) {
    for (const { node } of items) node.classList.add("laid-out");
    // The second frame follows the first one's layout.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      for (const { node } of items) node.classList.remove("laid-out");
    }));
  }

  #updateEmpty() {
    const isEmpty = this.#timeline.isEmpty && !element("outbox").hasChildNodes() && !this.#arrived.length;
    element("empty").hidden = !isEmpty || !this.#isLoaded;
  }

  // ---------------------------------------------------------------- Scrolling and counting

  #moved() {
    if (this.#scroller.isAtBottom) this.#countUnread(0);
    if (this.#scroller.isNearTop) this.#handlers.nearTop();
  }

  #countNew(items) {
    for (const { label, text } of items) this.#handlers.announce(label, text);
    if (!this.#scroller.isAtBottom) this.#countUnread(this.#unread + items.length);
    if (document.hidden) this.#countUnseen(this.#unseen + items.length);
  }

  #countUnread(count) {
    this.#unread = count;
    const button = element("new-messages");
    button.hidden = count === 0;
    button.textContent = `${numberOf(count, "new message")} ↓`;
  }

  #countUnseen(count) {
    this.#unseen = count;
    document.title = count ? `(${count}) ${this.#title}` : this.#title;
  }
}
