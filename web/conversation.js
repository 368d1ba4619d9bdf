"use strict";

// The conversation drops its oldest messages above either limit, so that no participant can exhaust the page's memory.
const MESSAGES_SHOWN = 3000;
const WEIGHT_KEPT = 2_000_000;
// The memory of a message and of a link in addition to their text, in characters.
const MESSAGE_WEIGHT = 200;
const LINK_WEIGHT = 500;

// A scroll is attributed to an input, or to a draw, for this long afterwards.
const INPUT_EFFECT = SECOND;
const DRAW_EFFECT = SECOND / 2;

const timeOfDay = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
const fullTime = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });

/* The list of messages and notes, drawn at most once per animation frame. */
class Conversation {
  #arrived = [];
  #arrivedWeight = 0;
  #weights = [];
  #totalWeight = 0;
  #last = null;
  #isScheduled = false;
  #isAtBottom = true;
  #scrollTop = 0;
  #drawnAt = -Infinity;
  #inputAt = -Infinity;
  #unread = 0;
  #unseen = 0;

  constructor() {
    const box = element("chat-box");
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const input of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      box.addEventListener(input, () => { this.#inputAt = now(); }, { passive: true });
    }
    new ResizeObserver(() => this.#stayAtBottom()).observe(element("conversation"));
    new ResizeObserver(() => this.#stayAtBottom()).observe(box);
    element("new-messages").addEventListener("click", () => {
      this.scrollToBottom();
      box.focus({ preventScroll: true });
    });
    document.addEventListener("visibilitychange", () => {
      this.#draw();
      this.#countUnseen(0);
    });
  }

  /* Adds a message: { text, isTruncated, person, isOwn }. */
  addMessage(message) {
    this.#add({ ...message, time: new Date() });
  }

  addNote(text, isError = false) {
    this.#add({ note: text, isError });
  }

  /* Shows the messages whose echo is pending, below the delivered ones. */
  showOutbox(entries, person) {
    let previous = this.#last;
    const nodes = entries.map((entry) => {
      const item = { text: entry.text, person, isOwn: true, time: entry.time };
      entry.node ??= this.#messageNode(item, previous);
      entry.node.classList.add("pending");
      entry.node.classList.toggle("failed", entry.failed);
      previous = item;
      return entry.node;
    });
    const box = element("outbox");
    for (const node of [...box.children]) if (!nodes.includes(node)) node.remove();
    for (const node of nodes) if (!node.isConnected) box.append(node);
    this.#updateEmpty();
  }

  scrollToBottom() {
    this.#isAtBottom = true;
    this.#stayAtBottom();
    this.#countUnread(0);
  }

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
    this.#arrivedWeight = 0;
    const nodes = [];
    for (const item of items) {
      if (item.note && item.note === this.#last?.note) continue;
      nodes.push(item.note ? this.#noteNode(item) : this.#messageNode(item, this.#last));
      this.#weights.push(weightOf(item));
      this.#totalWeight += weightOf(item);
      this.#last = item;
    }
    element("messages").append(...nodes);
    this.#dropOldest();
    this.#updateEmpty();
    this.#drawnAt = now();
    this.#stayAtBottom();

    const others = items.filter((item) => item.text !== undefined && !item.isOwn).length;
    if (!this.#isAtBottom) this.#countUnread(this.#unread + others);
    if (document.hidden) this.#countUnseen(this.#unseen + others);
  }

  #dropOldest() {
    const messages = element("messages");
    let dropped = 0;
    while (this.#weights.length - dropped > MESSAGES_SHOWN || this.#totalWeight > WEIGHT_KEPT) {
      this.#totalWeight -= this.#weights[dropped];
      dropped += 1;
      messages.firstElementChild.remove();
    }
    if (!dropped) return;
    this.#weights.splice(0, dropped);
    // The message that showed the sender's name is gone.
    messages.firstElementChild?.classList.remove("follows");
  }

  /* Builds a message's element, and sets item.linkCount to the number of links in its initial part. */
  #messageNode(item, previous) {
    const { text, person, isOwn, time } = item;
    const name = build("span", isOwn ? "name for-screen-readers" : "name", isOwn ? "You" : person.name);
    const when = build("time", "", timeOfDay.format(time));
    when.dateTime = time.toISOString();
    when.title = fullTime.format(time);
    const body = build("div", "text");
    body.dir = "auto";
    const node = build("div", "message", build("div", "meta", name, when), body);
    node.classList.add(isOwn ? "own" : `hue-${person.hue}`);
    const isSamePerson = previous?.person?.from === person.from && previous.isOwn === isOwn;
    node.classList.toggle("follows", isSamePerson && timeOfDay.format(previous.time) === timeOfDay.format(time));
    const first = textParts(text, 0);
    item.linkCount = first.linkCount;
    body.append(...first.parts);
    if (!first.isComplete) this.#addShowMore(item, node, body);
    else if (item.isTruncated) node.append(truncationNote());
    return node;
  }

  #addShowMore(item, node, body) {
    const button = build("button", "more", "Show more");
    button.type = "button";
    let step = 0;
    button.addEventListener("click", () => {
      // Stay at the start of the new text.
      this.#isAtBottom = false;
      step += 1;
      const { parts, isComplete } = textParts(item.text, step);
      body.replaceChildren(...parts);
      if (!isComplete) return;
      button.replaceWith(...(item.isTruncated ? [truncationNote()] : []));
      element("chat-box").focus({ preventScroll: true });
    });
    node.append(button);
  }

  #noteNode({ note, isError }) {
    return build("div", isError ? "note error" : "note", build("span", "", note));
  }

  #updateEmpty() {
    element("empty").hidden = element("messages").hasChildNodes() || element("outbox").hasChildNodes();
  }

  #scrolled() {
    const box = element("chat-box");
    const isNearBottom = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
    if (isNearBottom) this.#isAtBottom = true;
    else if (box.scrollTop < this.#scrollTop) {
      if (!this.#isReadersScroll) return this.#stayAtBottom();
      this.#isAtBottom = false;
    }
    this.#scrollTop = box.scrollTop;
    if (this.#isAtBottom) this.#countUnread(0);
  }

  /* False for scrolling by the browser: after a draw, old messages are removed and others get their actual height. */
  get #isReadersScroll() {
    return now() - this.#inputAt < INPUT_EFFECT || now() - this.#drawnAt > DRAW_EFFECT;
  }

  #stayAtBottom() {
    if (!this.#isAtBottom) return;
    const box = element("chat-box");
    box.scrollTop = box.scrollHeight;
    this.#scrollTop = box.scrollTop;
  }

  #countUnread(count) {
    this.#unread = count;
    const button = element("new-messages");
    button.hidden = count === 0;
    button.textContent = `${numberOf(count, "new message")} ↓`;
  }

  #countUnseen(count) {
    this.#unseen = count;
    document.title = count ? `(${count}) Chat` : "Chat";
  }
}

/* An item's approximate memory, in characters. Links count only after the item is drawn. */
const weightOf = ({ text = "", linkCount = 0 }) => MESSAGE_WEIGHT + text.length + linkCount * LINK_WEIGHT;

const truncationNote = () => build("p", "more", "The rest of this message is too long to show.");
