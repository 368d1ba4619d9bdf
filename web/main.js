"use strict";

/* Wires up the room's session, the conversation and the forms. */

const announcer = new Announcer();
const conversation = new Conversation({
  nearTop: () => older.load(),
  full: () => older.show("full"),
  announce: (label, text) => (label ? announcer.message(label, text) : announcer.say(text)),
});
const older = new Older(conversation, () => session, (message) => itemOf(message, false));
const roster = new Roster(conversation, () => session);
const settings = new Settings(saveSettings);
const composer = new Composer({ submit: sendMessage, typed: (text) => roster.typed(text) });
const account = new Account({ signedIn: restoreUnsent, problem: showProblem, leaving: keepUnsent, signedOut });
const leftovers = new Leftovers();
let preparation = null;
let server = null;
let session = null;
let room = null;
let mayWrite = true;
let isStarted = false;
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
    showProblem(error.message);
  }
}

function stopChat() {
  isStarted = false;
  session.stop();
}

async function findServer() {
  showState("connecting");
  const { url, signIn } = await readSettings();
  allowOnlyConnectionsTo([url, ...await account.prepare(signIn)]);
  return url;
}

function connect() {
  session.start(account.addressOf(server, room));
}

function showProblem(text) {
  conversation.addNote(text, true);
}

function newSession(entries) {
  return new Session(entries, {
    state(state, seconds) {
      showState(state, seconds);
      if (state === "signed-out") account.invite(unsentNote());
      restrictComposer();
      showOutbox();
    },
    refused: (count) => account.refused(count),
    entered,
    messages: (list, isNew) => { for (const message of list) showMessage(message, isNew); },
    deleted: (id) => conversation.removeMessage(id),
    unsigned: showUnsigned,
    presence: (frame) => roster.change(frame),
    people: (frame) => roster.show(frame),
    signal: (frame) => roster.signaled(frame),
    problem: showProblem,
    rejected: (text) => showProblem(text ? `A message was not sent: ${text}` : "A message was not sent."),
    returned: (seconds) => { if (seconds > 3) conversation.addNote(`Reconnected after ${seconds} s`); },
    outbox: showOutbox,
  });
}

// ---------------------------------------------------------------- Signing in

function unsentNote() {
  const count = session.outbox.entries.length;
  const kept = [count ? numberOf(count, "unsent message") : "", composer.draft ? "your draft" : ""].filter(Boolean);
  if (!kept.length && leftovers.isRestorable) kept.push("what you have not sent");
  return kept.length ? `This tab keeps ${kept.join(" and ")} for you.` : "";
}

function keepUnsent() {
  leftovers.put(room, session.outbox.entries, composer.draft);
  leftovers.keep(account.person);
}

function restoreUnsent() {
  const discarded = leftovers.restore(account.person);
  if (discarded) showProblem(`${numberOf(discarded, "unsent message")} of another person will not be sent.`);
  const { entries, draft } = leftovers.take(room);
  for (const entry of entries) session.outbox.add(entry);
  composer.draft ||= draft;
}

function signedOut(leave) {
  session.stop();
  // Shows the invitation, if the person decides to stay with unsent messages.
  connect();
  leave();
}

function restrictComposer() {
  const isSignedOut = document.body.dataset.state === "signed-out";
  composer.restriction = isSignedOut ? "Sign in to write." : mayWrite ? "" : "You may read this room, not write in it.";
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
    const { entries, draft } = leftovers.take(room);
    session = newSession(entries);
    mayWrite = true;
    restrictComposer();
    composer.draft = draft;
    showOutbox();
    if (note) conversation.addNote(note);
    if (isStarted && server) connect();
  }
  if (isInvalid) showProblem(`The address has no valid room. ${ROOM_RULE}`);
  // replace() adds no entry to the browser's history.
  if (location.hash !== `#${room}`) location.replace(`#${room}`);
}

/* Returns a note about messages that were not sent, or an empty text. */
function leaveRoom() {
  const { entries } = session.outbox;
  session.stop();
  leftovers.put(room, entries, composer.draft);
  older.clear();
  conversation.clear();
  roster.clear();
  return entries.length ? `${numberOf(entries.length, "message")} in ${room} will be sent when you return there.` : "";
}

function saveSettings(newName, newRoom) {
  if (newName !== account.name && !account.isNameFixed) store("chat-name", newName);
  rename(newName, newRoom === room);
  if (newRoom !== room) location.hash = newRoom;
  composer.focus();
}

function rename(newName, stays = true) {
  if (newName === account.name || account.isNameFixed) return;
  account.name = newName;
  isRenamed = stays;
  if (stays && server) session.moveTo(account.addressOf(server, room));
}

// ---------------------------------------------------------------- Messages

function entered(frame, isFirst) {
  account.confirm(frame.you);
  mayWrite = frame.mayWrite;
  restrictComposer();
  roster.show(frame);
  // If the old connection ended late, the server announces nothing, and only a signal has the new name.
  if (isRenamed) session.signal({ typing: false });
  isRenamed = false;
  if (!isFirst) return;
  older.entered(frame);
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
element("change-name").addEventListener("click", () => settings.open(account, room, "name"));
element("change-room").addEventListener("click", () => settings.open(account, room, "room"));
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
addEventListener("pageshow", () => {
  // The person came back from the issuer's page without having signed in.
  leftovers.isKept = false;
  checkConnection();
});
document.addEventListener("visibilitychange", checkConnection);
navigator.connection?.addEventListener?.("change", checkConnection);

addEventListener("beforeunload", (event) => {
  if (leftovers.isKept || (!session.outbox.entries.length && !leftovers.hasMessages)) return;
  event.preventDefault();
  // Chrome before 119 shows the confirmation only if returnValue is set.
  event.returnValue = "";
});

enterRoom(roomInAddress());
startChat();
