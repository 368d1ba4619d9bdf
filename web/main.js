"use strict";

/* The chat: connection, outbox, conversation and the form, wired together. */

const COUNTER_SHOWN_FROM = FRAME_LIMIT - 4 * 1024;
// While a word is composed with a Japanese, Chinese or other input method, keydown has this code.
const COMPOSING_KEY_CODE = 229;

const me = randomId();
const field = element("message");
const conversation = new Conversation();
const shownIds = new RecentIds();
const absence = new Absence();
const outbox = new Outbox({
  canSend: () => connection?.isOpen ?? false,
  send: (frame) => connection.send(frame),
  echoMissing: () => connection.replace(),
  gaveUp: () => conversation.addNote("A message was not delivered. Press Try again below to send it.", true),
  changed: showOutbox,
});
const repeats = new Repeats((entry) => outbox.add(entry));
let preparation = null;
let connection = null;
let isWanted = false;
let draftId = randomId();

function showOutbox() {
  conversation.showOutbox(outbox.unconfirmed, personOf(me));
  showDelivery(outbox.unconfirmed);
}

// ---------------------------------------------------------------- Connection

async function startChat() {
  isWanted = true;
  try {
    preparation ??= prepareConnection();
    connection = await preparation;
    if (isWanted) connection.start();
  } catch (error) {
    preparation = null;
    showState("unconfigured");
    conversation.addNote(error.message, true);
  }
}

function stopChat() {
  isWanted = false;
  if (connection) connection.stop();
  else showState("stopped");
}

async function prepareConnection() {
  showState("connecting");
  const url = await socketURL();
  allowOnlyConnectionsTo(url);
  return new Connection(url, {
    state(state, seconds) {
      showState(state, seconds);
      showDelivery(outbox.unconfirmed);
    },
    opened() {
      if (absence.lasting) announceReturn(absence.lasting);
      outbox.next();
    },
    frame: receive,
    lost(isExact) {
      if (isExact !== null) absence.lost(isExact);
      outbox.pause();
    },
  });
}

function announceReturn({ seconds, away }) {
  connection.send(awayFrame(away, me));
  if (seconds > 3) conversation.addNote(`Reconnected after ${seconds} s`);
}

// ---------------------------------------------------------------- Frames

/* Handles a frame; true if it answers a heartbeat. `isAnswer`: a heartbeat was pending. */
function receive(data, isAnswer) {
  const frame = readFrame(data);
  if (frame.kind === "message") receiveMessage(frame);
  if (frame.kind === "away") receiveAway(frame);
  // The gateway's error for a throttled heartbeat is proof of life, and nothing that a person must know.
  if (frame.kind === "error" && (outbox.awaitsEcho || !isAnswer)) {
    conversation.addNote(`The server reported: ${frame.text}`, true);
    outbox.serverFailed();
  }
  return frame.kind === "heartbeat";
}

function receiveMessage({ text, isCut, id, from }) {
  const own = id && outbox.confirm(id);
  if (id && !shownIds.add(id)) return;
  if (own) repeats.remember(own);
  conversation.addMessage({ text: own?.text ?? text, isCut, person: personOf(from), isOwn: Boolean(own) });
}

function receiveAway({ milliseconds, from }) {
  if (from === me) absence.ended();
  else repeats.returned(milliseconds);
}

// ---------------------------------------------------------------- The form

/* Counts what is sent: the whole frame, in UTF-8. Returns the bytes above the limit. */
function measure() {
  const bytes = byteCount(messageFrame(field.value.trim(), draftId, me));
  const excess = bytes - FRAME_LIMIT;
  const counter = element("counter");
  const count = `${bytes.toLocaleString()} of ${numberOf(FRAME_LIMIT, "byte")}`;
  counter.textContent = bytes < COUNTER_SHOWN_FROM ? "" : count;
  counter.classList.toggle("over", excess > 0);
  if (excess <= 0) {
    element("refusal").textContent = "";
    field.removeAttribute("aria-invalid");
  }
  return excess;
}

function submit() {
  const text = field.value.trim();
  const excess = measure();
  if (excess > 0) {
    field.setAttribute("aria-invalid", "true");
    const refusal = `Not sent: too long by ${numberOf(excess, "byte")}. Shorten it, or send it in parts.`;
    element("refusal").textContent = refusal;
  } else if (text) {
    const frame = messageFrame(text, draftId, me);
    outbox.add({ id: draftId, text, frame, time: new Date(), wasShown: false });
    conversation.goToBottom();
    draftId = randomId();
    field.value = "";
    measure();
  }
  field.focus();
}

element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

field.addEventListener("input", measure);
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey) return;
  // Enter accepts the composed word. In Safari the composition has ended by then, and only the code tells.
  if (event.isComposing || event.keyCode === COMPOSING_KEY_CODE) return;
  event.preventDefault();
  submit();
});

element("start").addEventListener("click", startChat);
element("stop").addEventListener("click", stopChat);
element("try-again").addEventListener("click", () => {
  outbox.tryFailedAgain();
  field.focus();
});

// Moments at which the socket may have died without notice, or the network may be back.
const checkConnection = () => connection?.check();
addEventListener("online", checkConnection);
addEventListener("pageshow", checkConnection);
document.addEventListener("visibilitychange", checkConnection);
navigator.connection?.addEventListener?.("change", checkConnection);

addEventListener("beforeunload", (event) => {
  if (!outbox.unconfirmed.length) return;
  event.preventDefault();
  // Chrome before 119 asks only if this is set.
  event.returnValue = "";
});

element("you").textContent = `You are ${personOf(me).name}`;
startChat();
