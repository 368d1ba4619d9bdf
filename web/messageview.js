"use strict";

/* Elements of the conversation: messages, notes and days. */

const timeOfDay = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
const fullTime = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });
const fullDay = new Intl.DateTimeFormat([], { dateStyle: "full" });

/*
  Builds the element of a message { text, isTruncated, label, hue, isOwn, time }, and sets its linkCount to the number of
  links in its initial part. Calls expanded() when the reader asks for more of it.
*/
function messageNode(item, expanded) {
  const { text, label, hue, isOwn, time } = item;
  const name = build(isOwn ? "span" : "bdi", isOwn ? "name for-screen-readers" : "name", isOwn ? "You" : label);
  const when = build("time", "", timeOfDay.format(time));
  when.dateTime = time.toISOString();
  when.title = fullTime.format(time);
  const body = build("div", "text");
  body.dir = "auto";
  const node = build("div", "message", build("div", "meta", name, when), body);
  node.classList.add(isOwn ? "own" : `hue-${hue}`);
  const first = textParts(text, 0);
  item.linkCount = first.linkCount;
  body.append(...first.parts);
  if (!first.isComplete) addShowMore(item, node, body, expanded);
  else if (item.isTruncated) node.append(truncationNote());
  return node;
}

function addShowMore(item, node, body, expanded) {
  const button = build("button", "more", "Show more");
  button.type = "button";
  let step = 0;
  button.addEventListener("click", () => {
    expanded();
    step += 1;
    const { parts, isComplete } = textParts(item.text, step);
    body.replaceChildren(...parts);
    if (!isComplete) return;
    button.replaceWith(...(item.isTruncated ? [truncationNote()] : []));
    element("chat-box").focus({ preventScroll: true });
  });
  node.append(button);
}

const truncationNote = () => build("p", "more", "The rest of this message is too long to show.");

const noteNode = ({ note, isError }) => build("div", isError ? "note error" : "note", build("span", "", note));

function dayNode(time) {
  const node = build("h2", "day", fullDay.format(time));
  return node;
}

const isSameDay = (a, b) => a.toDateString() === b.toDateString();
const isSameMinute = (a, b) => timeOfDay.format(a) === timeOfDay.format(b) && isSameDay(a, b);
