"use strict";

/* The list of the people in the room, and the link to the room. */

const PANEL_DRAWN_EVERY = SECOND / 10;
const COPIED_SHOWN = 3 * SECOND;

class Panel {
  #isScheduled = false;
  #wide = matchMedia("(min-width: 64rem)");
  #read;
  #opened;

  /* read(): { labels, count } to show, labels with the page's own person first. opened(): the reader opened the list. */
  constructor(read, opened) {
    this.#read = read;
    this.#opened = opened;
    element("people-button").addEventListener("click", () => this.#toggle(element("people").hidden));
    element("close-people").addEventListener("click", () => this.#toggle(false));
    element("people").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#wide.matches) this.#toggle(false);
    });
    element("copy-link").addEventListener("click", () => this.#copyLink());
    this.#wide.addEventListener("change", () => this.#setOpen(this.#wide.matches));
    this.#setOpen(this.#wide.matches);
  }

  get isOpen() {
    return !element("people").hidden;
  }

  /* Shows the people soon: a flood of changes is drawn once. */
  update() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => this.#draw(), PANEL_DRAWN_EVERY);
  }

  #toggle(isOpen) {
    this.#setOpen(isOpen);
    if (isOpen) this.#opened();
    element(isOpen ? "people-title" : "people-button").focus();
  }

  #setOpen(isOpen) {
    element("people").hidden = !isOpen;
    document.body.dataset.people = isOpen ? "open" : "closed";
    element("people-button").setAttribute("aria-expanded", String(isOpen));
  }

  #draw() {
    this.#isScheduled = false;
    const { labels, count } = this.#read();
    element("people-count").textContent = count === null ? "People" : peopleCount(count);
    element("people-title").textContent = count === null ? "People" : `${peopleCount(count)} here`;
    const items = labels.map(({ label, hue, isOwn }) => {
      const item = build("li", isOwn ? "own" : `hue-${hue}`, build("bdi", "name", label));
      if (isOwn) item.append(" (you)");
      return item;
    });
    element("people-list").replaceChildren(...items);
    const more = Math.max(0, (count ?? 0) - labels.length);
    element("more-people").textContent = more ? `and ${more.toLocaleString()} more` : "";
  }

  async #copyLink() {
    const button = element("copy-link");
    const field = element("link");
    field.value = location.href;
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Browsers deny the clipboard to pages without https.
      field.hidden = false;
      field.focus();
      field.select();
      return;
    }
    field.hidden = true;
    button.textContent = "Link copied";
    setTimeout(() => { button.textContent = "Copy link to this room"; }, COPIED_SHOWN);
  }
}

const peopleCount = (count) => `${count.toLocaleString()} ${count === 1 ? "person" : "people"}`;
