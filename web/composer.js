"use strict";

const COUNTER_SHOWN_FROM = FRAME_LIMIT - 4 * 1024;
// The keyCode of every keydown event during composition with an input method, for example for Japanese.
const COMPOSING_KEY_CODE = 229;

/* The form for a message. */
class Composer {
  #field = element("message");
  #draftId = randomId();
  #handlers;

  /* Handlers: submit({ id, text, frame, time }), typed(text). */
  constructor(handlers) {
    this.#handlers = handlers;
    element("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => {
      this.#measure();
      handlers.typed(this.#field.value);
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      // Enter also accepts a composed word. Safari has already cleared isComposing then, and only keyCode differs.
      if (event.isComposing || event.keyCode === COMPOSING_KEY_CODE) return;
      event.preventDefault();
      this.#submit();
    });
  }

  /* The text that is not sent yet. */
  get draft() {
    return this.#field.value;
  }

  set draft(text) {
    this.#field.value = text;
    this.#measure();
  }

  /* Why the person cannot write; empty if they can. The draft remains, so that it can be copied. */
  set restriction(text) {
    this.#field.readOnly = text !== "";
    this.#field.placeholder = text ? "" : "Enter message";
    element("composer").querySelector("button").disabled = text !== "";
    showText("restriction", text);
  }

  focus() {
    this.#field.focus();
  }

  /* Updates the counter with the size of the whole frame in UTF-8. Returns the number of bytes above the limit. */
  #measure() {
    const bytes = byteCount(sendFrame(this.#field.value.trim(), this.#draftId));
    const excess = bytes - FRAME_LIMIT;
    const counter = element("counter");
    const count = `${bytes.toLocaleString()} of ${numberOf(FRAME_LIMIT, "byte")}`;
    counter.textContent = bytes < COUNTER_SHOWN_FROM ? "" : count;
    counter.classList.toggle("over", excess > 0);
    if (excess <= 0) {
      element("refusal").textContent = "";
      this.#field.removeAttribute("aria-invalid");
    }
    return excess;
  }

  #submit() {
    if (this.#field.readOnly) return;
    const text = this.#field.value.trim();
    const excess = this.#measure();
    if (excess > 0) {
      this.#field.setAttribute("aria-invalid", "true");
      const refusal = `Not sent: too long by ${numberOf(excess, "byte")}. Shorten it, or send it in parts.`;
      element("refusal").textContent = refusal;
    } else if (text) {
      const id = this.#draftId;
      this.#draftId = randomId();
      this.draft = "";
      this.#handlers.submit({ id, text, frame: sendFrame(text, id), time: new Date() });
    }
    this.focus();
  }
}
