"use strict";

/* Splits a message into strings and links, up to a limit. Text is never parsed as HTML. */

// The initial limits for a message. Each "Show more" multiplies all three by SHOWN_FACTOR.
const SHOWN_FIRST = { characters: 4000, lines: 40, links: 20 };
const SHOWN_FACTOR = 4;

// A link ends at white space, quotes, and control and format characters, which could reorder the displayed address.
const LINK = /\bhttps?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/giu;
const LINE_BREAK = /\r\n|[\n\v\f\r\x85\u2028\u2029]/g;

/* Returns { parts, linkCount, isComplete }. `step` is the number of times the reader pressed "Show more". */
function textParts(text, step) {
  const factor = SHOWN_FACTOR ** step;
  const parts = [];
  let linkCount = 0;
  let done = 0;
  let end = shownEnd(text, SHOWN_FIRST.characters * factor, SHOWN_FIRST.lines * factor);
  for (const { 0: found, index } of text.matchAll(LINK)) {
    if (index >= end) break;
    const address = withoutTrailingPunctuation(found);
    const link = linkTo(address);
    if (!link) continue;
    const isTooLong = index + address.length > end;
    // A text that begins with an overlong address is truncated, without a link.
    if (isTooLong && index === 0) break;
    if (isTooLong || linkCount === SHOWN_FIRST.links * factor) {
      end = index;
      break;
    }
    parts.push(text.slice(done, index), link);
    linkCount += 1;
    done = index + address.length;
  }
  return { parts: [...parts, text.slice(done, end)], linkCount, isComplete: end === text.length };
}

/* The end of the longest prefix within the limits that does not split a surrogate pair. */
function shownEnd(text, characters, lines) {
  let end = Math.min(text.length, characters);
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1])) end -= 1;
  LINE_BREAK.lastIndex = 0;
  for (let line = 1; line <= lines; line += 1) {
    const found = LINE_BREAK.exec(text);
    if (!found || found.index >= end) return end;
    if (line === lines) end = found.index;
  }
  return end;
}

function withoutTrailingPunctuation(address) {
  // A regular expression would backtrack for minutes on a long run of brackets.
  let end = address.length;
  while (".,:;!?*_~)]}".includes(address[end - 1])) end -= 1;
  // Keep a closing parenthesis whose opening parenthesis is in the address.
  if (address[end] === ")" && address.slice(0, end).includes("(")) end += 1;
  return address.slice(0, end);
}

/* Builds the link for an address; returns null if the address is invalid or contains credentials. */
function linkTo(address) {
  const url = parseURL(address);
  // https://bank.example@evil.example opens evil.example but resembles bank.example.
  if (!url || url.username || url.password) return null;
  const link = build("a", "", shownAddress(address, url));
  Object.assign(link, { href: url.href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" });
  return link;
}

/* The address as written, or with the host that the browser opens if the written host is misleading. */
function shownAddress(address, url) {
  const [, scheme, authority, rest] = /^(https?:\/\/)([^/\\?#]*)(.*)$/isu.exec(address);
  const [, host, port] = /^(.*?)(:\d*)?$/su.exec(authority.toLowerCase());
  if (isUnambiguousHost(host, url.hostname) && (!port || /^:\d+$/.test(port))) return address;
  // In https:///a.example the authority is empty, and the browser takes the host from the path.
  return host ? `${scheme}${url.host}${rest}` : url.href;
}

/* True if the typed host is the host that the browser opens and cannot be mistaken for another. */
function isUnambiguousHost(typed, opened) {
  const labels = opened.split(".");
  return typed.split(".").every((label, position) => {
    if (/^[\x21-\x7e]*$/.test(label)) return label === labels[position];
    // Browsers map some letters to ASCII, such as full-width letters and, in Chrome before 110, ß.
    return isReadableLabel(label) && Boolean(labels[position]?.startsWith("xn--"));
  });
}

/*
  Host labels that are shown as written: of a single script, without characters that resemble a slash, and with at least
  one letter that does not resemble a Latin letter. Other labels are shown as punycode, as in browsers.
*/
const LATIN_LABEL = /^[a-z0-9äöüåæøßéèêëàáâãçñóòôõúùû-]+$/u;
const EAST_ASIAN_LABEL = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー0-9-]+$/u;
const GREEK_LABEL = /^[α-ωά-ώ0-9-]+$/u;
const CYRILLIC_LABEL = /^[а-яёєіїґўџљњћђѓќѕј0-9-]+$/u;
const SLASH_LIKE = /[ノソンゾ丿丶〳〵]/u;
const LATIN_LIKE_ONLY = /^[αβγεηικνορστυχωάέήίόύώасеһіїјорԛѕԝхуўьґпгткмвнзш0-9-]+$/u;

function isReadableLabel(label) {
  if (LATIN_LABEL.test(label)) return true;
  if (EAST_ASIAN_LABEL.test(label)) return !SLASH_LIKE.test(label);
  return (GREEK_LABEL.test(label) || CYRILLIC_LABEL.test(label)) && !LATIN_LIKE_ONLY.test(label);
}
