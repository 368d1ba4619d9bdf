"use strict";

/* The person's name, key and last room, remembered in this browser. */

// A name has as many Unicode code points as the server accepts.
const NAME_MAXIMUM = 64;

/* Characters that the server rejects in a name: controls, marks that reorder text, separators, unpaired surrogates. */
const NOT_IN_NAMES = /[\p{Cc}\p{Cs}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const memory = new Map();

/* Reads localStorage; falls back to this page's memory where the browser denies access or the storage is full. */
function stored(name) {
  try {
    return localStorage.getItem(name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

function store(name, value) {
  memory.set(name, value);
  try {
    localStorage.setItem(name, value);
  } catch {
    // The value lasts as long as this page: `memory` has it.
  }
}

// U+2800 is a blank pattern of Braille.
const VISIBLE = /[^\p{M}\p{Z}\p{Cf}\p{DI}\u2800]/u;

/* The text as a name that the server accepts; null if nothing visible remains. */
function cleanName(text) {
  const name = [...text.replace(NOT_IN_NAMES, "").trim()].slice(0, NAME_MAXIMUM).join("").trim();
  return VISIBLE.test(name) ? name : null;
}

/* The remembered name. Without one, generates and remembers a name such as "Amber Badger". */
function ownName() {
  const name = cleanName(stored("chat-name") ?? "");
  if (name) return name;
  store("chat-name", randomName());
  return stored("chat-name");
}

/*
  The secret by which this chat server recognizes the person: 256 random bits. Each server has a key of its own, because
  a server learns the key and could use it at another one.
*/
function ownKey(url) {
  const name = `chat-key ${url.origin}${url.pathname}`;
  const key = stored(name);
  if (key && /^[\w-]{22,128}$/.test(key)) return key;
  store(name, randomSecret());
  // Another tab may have stored its key at the same moment: both use the key that is stored now.
  return stored(name);
}
