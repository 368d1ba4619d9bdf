"use strict";

/* A message's text as parts to show: plain strings and links, up to a limit. Other people's words never become markup. */

// What a message shows at first; each "Show more" multiplies all three.
const SHOWN_FIRST = { characters: 4000, lines: 40, links: 20 };
const SHOWN_FACTOR = 4;

// A link ends at white space, quotes, and the invisible characters that could show its address in another order.
const LINK = /\bhttps?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/giu;
const LINE_BREAK = /\r\n|[\n\v\f\r\x85\u2028\u2029]/g;

/* Returns { parts, linkCount, isComplete }. `step` counts how often the reader asked for more. */
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
    // A text that is a single long address is shown in part, and not as a link.
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

/* Where a text of so many characters and lines ends, without splitting a surrogate pair. */
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
  // A loop, because a regular expression would backtrack for minutes on a long run of brackets.
  let end = address.length;
  while (".,:;!?*_~)]}".includes(address[end - 1])) end -= 1;
  // A closing bracket belongs to the address that opened it.
  if (address[end] === ")" && address.slice(0, end).includes("(")) end += 1;
  return address.slice(0, end);
}

/* The link for an address; null for one that is not shown as a link. */
function linkTo(address) {
  const url = parseURL(address);
  // https://bank.example@evil.example leads to the second host and looks like the first.
  if (!url || url.username || url.password) return null;
  const link = build("a", "", shownAddress(address, url));
  Object.assign(link, { href: url.href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" });
  return link;
}

/* The address as written, or with the host that the browser will open if the written host could pass for another. */
function shownAddress(address, url) {
  const [, scheme, authority, rest] = /^(https?:\/\/)([^/\\?#]*)(.*)$/isu.exec(address);
  const [, host, port] = /^(.*?)(:\d*)?$/su.exec(authority.toLowerCase());
  if (isHonestHost(host, url.hostname) && (!port || /^:\d+$/.test(port))) return address;
  // Without an authority (https:///a.example), the host is somewhere in the rest.
  return host ? `${scheme}${url.host}${rest}` : url.href;
}

/* True if the typed host is the opened host, and cannot be mistaken for another. */
function isHonestHost(typed, opened) {
  const labels = opened.split(".");
  return typed.split(".").every((label, position) => {
    if (/^[\x21-\x7e]*$/.test(label)) return label === labels[position];
    // Some letters become ASCII ones, such as those of full width, and in Chrome before 110 the German sharp s.
    return isReadableLabel(label) && Boolean(labels[position]?.startsWith("xn--"));
  });
}

/*
  Labels of a host that are shown as written: one script each, no letter that passes for a slash, and not made of
  letters alone that pass for Latin ones. Everything else is shown as punycode, as browsers do.
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
