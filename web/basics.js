"use strict";

/* Units, ids and the clock shared by all scripts. Oldest supported browsers: Safari 15.4, Firefox 100, Chrome 99. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;

// Bytes. API Gateway closes a connection that sends a frame over 32 KB, including a frame header of up to 14 bytes.
const FRAME_LIMIT = 32 * 1024 - 14;

/* Monotonic time in milliseconds. Unlike Date, changes to the system clock do not affect it. */
const now = () => performance.now();

const element = (id) => document.getElementById(id);
const numberOf = (count, noun) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
const byteCount = (text) => new TextEncoder().encode(text).length;
const hexadecimal = (byte) => byte.toString(16).padStart(2, "0");
/* Bytes as base64url without padding (RFC 4648). */
function base64url(bytes) {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/* 256 random bits, as 43 characters of base64url. */
const randomSecret = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), hexadecimal).join("");

/* Parses a URL; returns null if it is invalid. URL.canParse needs Safari 17, Firefox 115, Chrome 120. */
function parseURL(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function build(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

const BACKOFF_FIRST = 1 * SECOND;
const BACKOFF_MAXIMUM = 15 * SECOND;

/* The delay before a retry, in milliseconds. Full jitter keeps disconnected pages from reconnecting all at once. */
const backoff = (attempt) => Math.random() * Math.min(BACKOFF_MAXIMUM, BACKOFF_FIRST * 2 ** attempt);
