"use strict";

// The conversation drops its oldest messages above either limit, so that no participant can exhaust the page's memory.
const MESSAGES_SHOWN = 3000;
const WEIGHT_KEPT = 2_000_000;
// The memory of a message and of a link in addition to their text, in characters.
const MESSAGE_WEIGHT = 200;
const LINK_WEIGHT = 500;
// The time between two copies of a message that was sent twice.
const COPY_WITHIN = 10 * MINUTE;

/*
  The shown items in order, each with its element. A message with an id is in the order of ids; messages without an id
  and notes are where they arrived.
*/
class Timeline {
  #box = element("messages");
  #items = [];
  #weight = 0;
  #ids = new Set();
  #sent = new Map();

  get last() {
    return this.#items.at(-1) ?? null;
  }

  get isEmpty() {
    return this.#items.length === 0;
  }

  /* The oldest id shown; undefined without one. */
  get oldestId() {
    return this.#items.find(({ id }) => id)?.id;
  }

  /* True if the message, or a copy that its sender sent again, is shown. */
  has(item) {
    if (item.id && this.#ids.has(item.id)) return true;
    const copy = this.#sent.get(sentKey(item));
    return Boolean(copy) && copy.text === item.text && Math.abs(copy.time - item.time) < COPY_WITHIN;
  }

  /* The shown message with an id, or undefined. */
  find(id) {
    return this.#items.find((item) => item.id === id);
  }

  /* Inserts an item whose `node` is built. */
  insert(item) {
    const index = this.#indexFor(item);
    const next = this.#items[index];
    this.#items.splice(index, 0, item);
    this.#box.insertBefore(item.node, next ? next.dayNode ?? next.node : null);
    this.#weight += weightOf(item);
    if (item.id) this.#ids.add(item.id);
    if (item.clientId) this.#sent.set(sentKey(item), item);
    this.#relate(index);
    this.#relate(index + 1);
  }

  /* Removes the oldest items above the limits; returns their number. */
  trim() {
    let dropped = 0;
    while (this.#items.length - dropped > MESSAGES_SHOWN || this.#weight > WEIGHT_KEPT) {
      this.#forget(this.#items[dropped]);
      dropped += 1;
    }
    if (!dropped) return 0;
    this.#items.splice(0, dropped);
    this.#relate(0);
    return dropped;
  }

  remove(item) {
    const index = this.#items.lastIndexOf(item);
    if (index < 0) return;
    this.#items.splice(index, 1);
    this.#forget(item);
    // Notes have no day.
    this.#relate(this.#items.findIndex(({ time }, position) => position >= index && time));
  }

  clear() {
    for (const item of this.#items) this.#forget(item);
    this.#items = [];
  }

  #forget(item) {
    this.#weight -= weightOf(item);
    item.node.remove();
    item.dayNode?.remove();
    if (item.id) this.#ids.delete(item.id);
    if (this.#sent.get(sentKey(item)) === item) this.#sent.delete(sentKey(item));
  }

  /* Before the first item with a later id; otherwise at the end. */
  #indexFor({ id }) {
    let index = this.#items.length;
    if (!id) return index;
    for (let position = index - 1; position >= 0; position -= 1) {
      const other = this.#items[position].id;
      if (!other) continue;
      if (other < id) break;
      index = position;
    }
    return index;
  }

  /* Updates what an item's element shows of its predecessor: a new day, another sender. */
  #relate(index) {
    const item = this.#items[index];
    if (!item?.time) return;
    let before = index - 1;
    while (before >= 0 && !this.#items[before].time) before -= 1;
    const isNewDay = before < 0 || !isSameDay(this.#items[before].time, item.time);
    if (isNewDay && !item.dayNode) {
      item.dayNode = dayNode(item.time);
      this.#box.insertBefore(item.dayNode, item.node);
    } else if (!isNewDay && item.dayNode) {
      item.dayNode.remove();
      item.dayNode = null;
    }
    item.node.classList.toggle("follows", !isNewDay && follows(item, this.#items[index - 1]));
  }
}

// A line feed, because an id contains no control character.
const sentKey = ({ userId, clientId }) => `${userId}\n${clientId}`;

/* True if a message continues the previous one: the same person, in the same minute. */
const follows = (item, previous) =>
  Boolean(previous?.time) && previous.userId === item.userId && previous.label === item.label
  && isSameMinute(previous.time, item.time);

/* An item's approximate memory, in characters. Links count only after the item's element is built. */
const weightOf = ({ text = "", linkCount = 0 }) => MESSAGE_WEIGHT + text.length + linkCount * LINK_WEIGHT;
