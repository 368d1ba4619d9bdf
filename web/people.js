"use strict";

/* People: suggested names, colors, distinct labels, and the people in the room. */

const words = (text) => text.trim().split(/\s+/);
const ADJECTIVES = words(`
  Amber Brave Bright Calm Clever Coral Crimson Gentle Golden Happy Hazel Indigo Ivory Jolly Keen Kind
  Lucky Mellow Merry Mint Noble Olive Proud Quick Quiet Rosy Royal Silver Sunny Swift Violet Witty`);
const ANIMALS = words(`
  Badger Bear Beaver Crane Deer Dolphin Eagle Falcon Finch Fox Gecko Hare Hedgehog Heron Ibis Koala
  Lark Lynx Marten Newt Otter Owl Panda Puffin Raven Robin Seal Sparrow Swallow Swan Turtle Wren`);
const HUES = 8;
const LABELS_REMEMBERED = 5000;

function randomName() {
  const [first, second] = crypto.getRandomValues(new Uint8Array(2));
  return `${ADJECTIVES[first % ADJECTIVES.length]} ${ANIMALS[second % ANIMALS.length]}`;
}

/* The color of an id, identical in every page: FNV-1a, over code points. */
function hueOf(id) {
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  return (hash >>> 10) % HUES;
}

/*
  Letters that resemble another one, by the letter that stands for all of them. Names are compared after this mapping,
  after compatibility decomposition, and without case, marks, spaces and punctuation.
*/
const RESEMBLING = [
  ["a", "аɑα"], ["b", "ьвβ"], ["c", "сϲ"], ["d", "ԁ"], ["e", "еєε"], ["g", "ɡ"], ["h", "һнη"], ["i", "1lіıιӏ|jј"],
  ["k", "кκ"], ["m", "мμ"], ["n", "пո"], ["o", "0оοσօ"], ["p", "рρ"], ["q", "ԛ"], ["r", "г"], ["s", "ѕ5$"], ["t", "тτ"],
  ["u", "υս"], ["v", "ν"], ["w", "ԝωѡ"], ["x", "хχ"], ["y", "уγү"], ["z", "2"],
];
const RESEMBLED = new Map(RESEMBLING.flatMap(([letter, others]) => [...others].map((other) => [other, letter])));

/* A string that is equal for names that look alike. */
function skeletonOf(name) {
  const letters = name.normalize("NFKD").toLowerCase().replace(/[\p{M}\p{P}\p{Z}\p{Cf}\p{DI}\u2800]/gu, "");
  const mapped = Array.from(letters, (letter) => RESEMBLED.get(letter) ?? letter).join("");
  return mapped.replaceAll("rn", "m").replaceAll("vv", "w");
}

/*
  A distinct label for each person. Anyone may choose any name, so a second person whose name looks like a first one's
  is shown as "Ann (2)".
*/
class Labels {
  #labels = new Map();
  #owners = new Map();
  // The number to try first for the next person with a name: without it, thousands of equal names would take minutes.
  #numbers = new Map();

  /* The label of a user { id, name }. */
  of({ id, name }) {
    // A line feed, because an id contains no control character.
    const key = `${id}\n${name}`;
    let label = this.#labels.get(key);
    // Moves the entry to the end: the labels used least recently are dropped.
    if (label) this.#labels.delete(key);
    else label = this.#claim(id, name);
    this.#labels.set(key, label);
    if (this.#labels.size > LABELS_REMEMBERED) this.#dropOldest();
    return label;
  }

  #claim(id, name) {
    const base = skeletonOf(name);
    for (let number = this.#owners.get(base) === id ? 1 : this.#numbers.get(base) ?? 1; ; number += 1) {
      const label = number === 1 ? name : `${name} (${number})`;
      const skeleton = skeletonOf(label);
      const owner = this.#owners.get(skeleton);
      if (owner !== undefined && owner !== id) continue;
      this.#owners.set(skeleton, id);
      this.#numbers.set(base, number + 1);
      if (this.#numbers.size > LABELS_REMEMBERED) this.#numbers.delete(this.#numbers.keys().next().value);
      return label;
    }
  }

  #dropOldest() {
    const [key, label] = this.#labels.entries().next().value;
    this.#labels.delete(key);
    this.#owners.delete(skeletonOf(label));
  }
}

// The Unicode blocks of right-to-left scripts.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/* A label for use within a sentence, whose order a name from right to left must not change. */
const isolated = (label) => (RIGHT_TO_LEFT.test(label) ? `\u2068${label}\u2069` : label);

/* The people in the room: up to 100 of them by id, in order of arrival, and the number of all. */
class People {
  users = new Map();
  count = 0;

  set({ users, count }) {
    this.users = new Map(users.map((user) => [user.id, user]));
    this.count = count;
  }

  change({ event, user, count }) {
    this.count = count;
    if (event === "leave") this.users.delete(user.id);
    else if (this.users.size < PEOPLE_LISTED || this.users.has(user.id)) this.users.set(user.id, user);
  }

  /* Updates a person's name, which a message may show first; returns the former name, or null. */
  rename({ id, name }) {
    const before = this.users.get(id)?.name ?? name;
    if (before === name) return null;
    this.users.set(id, { id, name });
    return before;
  }

  /* True if people are in the room whom the list lacks, although it has space for them. */
  get isIncomplete() {
    return this.users.size < Math.min(this.count, PEOPLE_LISTED);
  }
}
