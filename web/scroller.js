"use strict";

// A scroll is attributed to an input, or to a draw, for this long afterwards.
const INPUT_EFFECT = SECOND;
const DRAW_EFFECT = SECOND / 2;

/* The scroll position of the conversation: at the bottom, or where the reader is. */
class Scroller {
  #box = element("chat-box");
  #isAtBottom = true;
  #scrollTop = 0;
  #drawnAt = -Infinity;
  #inputAt = -Infinity;
  #scrolledTo;

  /* moved(): called after each scroll. */
  constructor(moved) {
    this.#scrolledTo = moved;
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const input of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.#box.addEventListener(input, () => { this.#inputAt = now(); }, { passive: true });
    }
    new ResizeObserver(() => this.#stayAtBottom()).observe(element("conversation"));
    new ResizeObserver(() => this.#stayAtBottom()).observe(this.#box);
  }

  get isAtBottom() {
    return this.#isAtBottom;
  }

  /* True if less than one screen of the conversation is above the reader. */
  get isNearTop() {
    return this.#box.scrollTop < this.#box.clientHeight;
  }

  toBottom() {
    this.#isAtBottom = true;
    this.#stayAtBottom();
  }

  /* The reader looks at something above the bottom, which must not move. */
  leaveBottom() {
    this.#isAtBottom = false;
  }

  /* Applies a change of the conversation. The message that the reader sees stays where it is. */
  keep(change) {
    const anchor = this.#isAtBottom ? null : this.#firstVisible();
    const top = anchor?.getBoundingClientRect().top;
    change();
    this.#drawnAt = now();
    if (anchor?.isConnected) {
      this.#box.scrollTop += anchor.getBoundingClientRect().top - top;
      this.#scrollTop = this.#box.scrollTop;
    }
    this.#stayAtBottom();
  }

  /* The first message below the box's upper edge. */
  #firstVisible() {
    const nodes = element("messages").children;
    const edge = this.#box.getBoundingClientRect().top;
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle].getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    return nodes[low] ?? null;
  }

  #scrolled() {
    const box = this.#box;
    const isNearBottom = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
    if (isNearBottom) this.#isAtBottom = true;
    else if (box.scrollTop < this.#scrollTop) {
      if (this.#isAtBottom && !this.#isReadersScroll) return this.#stayAtBottom();
      this.#isAtBottom = false;
    }
    this.#scrollTop = box.scrollTop;
    this.#scrolledTo();
  }

  /* False for scrolling by the browser: after a draw, old messages are removed and others get their actual height. */
  get #isReadersScroll() {
    return now() - this.#inputAt < INPUT_EFFECT || now() - this.#drawnAt > DRAW_EFFECT;
  }

  #stayAtBottom() {
    if (!this.#isAtBottom) return;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#scrollTop = this.#box.scrollTop;
  }
}
