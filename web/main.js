"use strict";

/* Wires up the room's session, the conversation and the forms. */

const announcer = new Announcer();
const conversation = new Conversation({
  nearTop: loadOlder,
  full: () => showOlder("full"),
  announce: (label, text) => (label ? announcer.message(label, text) : announcer.say(text)),
});
const roster = new Roster(conversation, () => session);
const settings = new Settings(saveSettings);
const composer = new Composer({ submit: sendMessage, typed: (text) => roster.typed(text) });

// What the person left behind in other rooms: messages to be sent, and the draft.
const left = new Map();
let preparation = null;
let server = null;
let session = null;
let room = null;
let name = ownName();
let isStarted = false;
let hasOlder = false;
let isLoadingOlder = false;
// The others do not know the new name yet.
let isRenamed = false;

// ---------------------------------------------------------------- Connection

async function startChat() {
  isStarted = true;
  try {
    preparation ??= findServer();
    server = await preparation;
    if (isStarted) connect();
  } catch (error) {
    preparation = null;
    showState("unconfigured");
    conversation.addNote(error.message, true);
  }
}

function stopChat() {
  isStarted = false;
  session.stop();
}

async function findServer() {
  showState("connecting");
  const url = await socketURL();
  allowOnlyConnectionsTo(url);
  return url;
}

const urlOfRoom = () => roomURL(server, room, name, ownKey(server));

function connect() {
  session.start(urlOfRoom());
}

function newSession(entries) {
  return new Session(entries, {
    state(state, seconds) {
      showState(state, seconds);
      showOutbox();
    },
    entered,
    messages: (list, isNew) => { for (const message of list) showMessage(message, isNew); },
    unsigned: showUnsigned,
    presence: (frame) => roster.change(frame),
    people: (frame) => roster.show(frame),
    signal: (frame) => roster.signaled(frame),
    problem: (text) => conversation.addNote(text, true),
    rejected: (text) => conversation.addNote(text ? `A message was not sent: ${text}` : "A message was not sent.", true),
    returned: (seconds) => { if (seconds > 3) conversation.addNote(`Reconnected after ${seconds} s`); },
    outbox: showOutbox,
  });
}

// ---------------------------------------------------------------- Room and name

function enterRoom({ room: wanted, isInvalid }) {
  const next = isInvalid ? room ?? wanted : wanted;
  if (next !== room) {
    const note = room && leaveRoom();
    room = next;
    store("chat-room", room);
    showText("title", room);
    conversation.title = `${room} – Chat`;
    const { entries, draft } = left.get(room) ?? { entries: [], draft: "" };
    left.delete(room);
    session = newSession(entries);
    composer.draft = draft;
    showOutbox();
    if (note) conversation.addNote(note);
    if (isStarted && server) connect();
  }
  if (isInvalid) conversation.addNote(`The address has no valid room. ${ROOM_RULE}`, true);
  // replace() adds no entry to the browser's history.
  if (location.hash !== `#${room}`) location.replace(`#${room}`);
}

/* Returns a note about messages that were not sent, or an empty text. */
function leaveRoom() {
  const { entries } = session.outbox;
  session.stop();
  if (entries.length || composer.draft) left.set(room, { entries, draft: composer.draft });
  hasOlder = isLoadingOlder = false;
  showOlder("none");
  conversation.clear();
  roster.clear();
  return entries.length ? `${numberOf(entries.length, "message")} in ${room} will be sent when you return there.` : "";
}

function saveSettings(newName, newRoom) {
  if (newName !== name) store("chat-name", newName);
  rename(newName, newRoom === room);
  if (newRoom !== room) location.hash = newRoom;
  composer.focus();
}

function rename(newName, stays = true) {
  if (newName === name) return;
  name = newName;
  showText("you", name);
  isRenamed = stays;
  if (stays && server) session.moveTo(urlOfRoom());
}

// ---------------------------------------------------------------- Messages

function entered(frame, isFirst) {
  roster.show(frame);
  // If the old connection ended late, the server announces nothing, and only a signal has the new name.
  if (isRenamed) session.signal({ typing: false });
  isRenamed = false;
  if (!isFirst) return;
  hasOlder = frame.more;
  showOlder(frame.more ? "more" : frame.messages.length ? "start" : "none");
  conversation.isLoaded = true;
}

function itemOf({ id, clientId, user, text, isTruncated, time }, isNew) {
  const isOwn = user.id === session.ownId;
  return {
    id, clientId, userId: user.id, label: roster.labelOf(user), hue: hueOf(user.id), isOwn, isNew, text, isTruncated, time,
  };
}

function showMessage(message, isNew) {
  roster.wrote(message.user, isNew);
  conversation.addMessage(itemOf(message, isNew));
}

/* Shows text that another client sent without the protocol. Anyone can have written it. */
function showUnsigned({ text, isTruncated }) {
  const time = new Date();
  conversation.addMessage({ userId: "", label: "Someone", hue: 5, isOwn: false, isNew: true, text, isTruncated, time });
}

function loadOlder() {
  if (!hasOlder || isLoadingOlder || !session.isConnected) return;
  if (conversation.isFull) return showOlder("full");
  isLoadingOlder = true;
  showOlder("loading");
  const asked = session;
  session.loadOlder(conversation.oldestId, (page) => {
    if (asked !== session) return;
    isLoadingOlder = false;
    hasOlder = page === null || (page.more && page.messages.length > 0);
    showOlder(hasOlder ? "more" : "start");
    if (page) conversation.addOlder(page.messages.map((message) => itemOf(message, false)));
  });
}

function sendMessage(entry) {
  roster.sent();
  session.outbox.add(entry);
  conversation.scrollToBottom();
}

function showOutbox() {
  const { entries } = session.outbox;
  conversation.showOutbox(entries);
  showDelivery(entries);
}

// ---------------------------------------------------------------- Events

element("start").addEventListener("click", startChat);
element("stop").addEventListener("click", stopChat);
element("load-older").addEventListener("click", loadOlder);
element("change-name").addEventListener("click", () => settings.open(name, room, "name"));
element("change-room").addEventListener("click", () => settings.open(name, room, "room"));
element("try-again").addEventListener("click", () => {
  session.outbox.retryFailed();
  composer.focus();
});
element("discard").addEventListener("click", () => {
  session.outbox.removeFailed();
  composer.focus();
});
// Another tab of this browser has another name: it is the same person's.
addEventListener("storage", ({ key }) => { if (key === "chat-name") rename(ownName()); });
addEventListener("hashchange", () => enterRoom(roomInAddress()));

// Events after which the socket may be dead, or the network available again.
const checkConnection = () => session.check();
addEventListener("online", checkConnection);
addEventListener("pageshow", checkConnection);
document.addEventListener("visibilitychange", checkConnection);
navigator.connection?.addEventListener?.("change", checkConnection);

addEventListener("beforeunload", (event) => {
  const others = [...left.values()].some(({ entries }) => entries.length > 0);
  if (!session.outbox.entries.length && !others) return;
  event.preventDefault();
  // Chrome before 119 shows the confirmation only if returnValue is set.
  event.returnValue = "";
});

showText("you", name);
enterRoom(roomInAddress());
startChat();
