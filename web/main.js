"use strict";

/* Wires up the connection, the outbox, the conversation and the form. */

const COUNTER_SHOWN_FROM = FRAME_LIMIT - 4 * 1024;
// The keyCode of every keydown event during composition with an input method, for example for Japanese.
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
  deliveryFailed: () => conversation.addNote("A message was not delivered. Press Try again below to send it.", true),
  changed: showOutbox,
});
const repeats = new Repeats((entry) => outbox.add(entry));
let preparation = null;
let connection = null;
let isStarted = false;
let draftId = randomId();

function showOutbox() {
  conversation.showOutbox(outbox.unconfirmed, personOf(me));
  showDelivery(outbox.unconfirmed);
}

// ---------------------------------------------------------------- Connection

async function startChat() {
  isStarted = true;
  try {
    preparation ??= prepareConnection();
    connection = await preparation;
    if (isStarted) connection.start();
  } catch (error) {
    preparation = null;
    showState("unconfigured");
    conversation.addNote(error.message, true);
  }
}

function stopChat() {
  isStarted = false;
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
      if (absence.duration) announceReturn(absence.duration);
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

/* Handles a frame; returns true if it answers a heartbeat. `wasProbing`: a heartbeat was pending. */
function receive(data, wasProbing) {
  const frame = readFrame(data);
  if (frame.kind === "message") receiveMessage(frame);
  if (frame.kind === "away") receiveAway(frame);
  // API Gateway answers a throttled heartbeat with an error. The socket is alive, so no note is shown.
  if (frame.kind === "error" && (outbox.awaitsEcho || !wasProbing)) {
    conversation.addNote(`The server reported: ${frame.text}`, true);
    outbox.serverFailed();
  }
  return frame.kind === "heartbeat";
}

function receiveMessage({ text, isTruncated, id, from }) {
  const own = id && outbox.confirm(id);
  if (id && !shownIds.add(id)) return;
  if (own) repeats.remember(own);
  conversation.addMessage({ text: own?.text ?? text, isTruncated, person: personOf(from), isOwn: Boolean(own) });
}

function receiveAway({ milliseconds, from }) {
  if (from === me) absence.ended();
  else repeats.schedule(milliseconds);
}

// ---------------------------------------------------------------- Form

/* Updates the counter with the size of the whole frame in UTF-8. Returns the number of bytes above the limit. */
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
    conversation.scrollToBottom();
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
  // Enter also accepts a composed word. Safari has already cleared isComposing then, and only keyCode differs.
  if (event.isComposing || event.keyCode === COMPOSING_KEY_CODE) return;
  event.preventDefault();
  submit();
});

element("start").addEventListener("click", startChat);
element("stop").addEventListener("click", stopChat);
element("try-again").addEventListener("click", () => {
  outbox.retryFailed();
  field.focus();
});

// Events after which the socket may be dead, or the network available again.
const checkConnection = () => connection?.check();
addEventListener("online", checkConnection);
addEventListener("pageshow", checkConnection);
document.addEventListener("visibilitychange", checkConnection);
navigator.connection?.addEventListener?.("change", checkConnection);

addEventListener("beforeunload", (event) => {
  if (!outbox.unconfirmed.length) return;
  event.preventDefault();
  // Chrome before 119 shows the confirmation only if returnValue is set.
  event.returnValue = "";
});

element("you").textContent = `You are ${personOf(me).name}`;
startChat();
