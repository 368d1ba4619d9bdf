"use strict";

/* Names and colors, derived from the random id that each page generates. */

const words = (text) => text.trim().split(/\s+/);
const ADJECTIVES = words(`
  Amber Brave Bright Calm Clever Coral Crimson Gentle Golden Happy Hazel Indigo Ivory Jolly Keen Kind
  Lucky Mellow Merry Mint Noble Olive Proud Quick Quiet Rosy Royal Silver Sunny Swift Violet Witty`);
const ANIMALS = words(`
  Badger Bear Beaver Crane Deer Dolphin Eagle Falcon Finch Fox Gecko Hare Hedgehog Heron Ibis Koala
  Lark Lynx Marten Newt Otter Owl Panda Puffin Raven Robin Seal Sparrow Swallow Swan Turtle Wren`);
const HUES = 8;

/* The name and color for an id, identical in every page. */
function personOf(from) {
  if (!from) return { from, name: "Someone", hue: 5 };
  // FNV-1a, over code points.
  let hash = 0x811c9dc5;
  for (const character of from) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  const name = `${ADJECTIVES[hash % ADJECTIVES.length]} ${ANIMALS[(hash >>> 5) % ANIMALS.length]}`;
  return { from, name, hue: (hash >>> 10) % HUES };
}
