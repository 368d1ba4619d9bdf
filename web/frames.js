"use strict";

/* Parsing and formatting of frames: see docs/protocol.md. */

// Characters. API Gateway accepts messages of up to 128 KB; longer ones are truncated.
const MESSAGE_MAXIMUM = 128 * 1024;
const PEOPLE_LISTED = 100;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
// A person's id is up to 255 bytes without control characters.
const USER_ID = /^[^\p{Cc}]{1,255}$/u;
// The longest pause that a server may request before the next message.
const RETRY_AFTER_MAXIMUM = MINUTE;
const HEARTBEAT = '{"action":"heartbeat"}';

const GATEWAY_ERRORS = ["Internal server error", "Forbidden", "Too Many Requests"];

const NOTHING = { kind: "nothing" };

/*
  Returns a frame as { kind, … }. Kinds: "message", "signal" (an ephemeral message), "messages" (several of these two),
  "presence", "entered", "history", "who", "deleted", "error", "doubt" (an error of API Gateway), "heartbeat",
  "unsigned" (text that another client sent without the protocol), "nothing".
*/
function readFrame(data) {
  let frame;
  try {
    frame = JSON.parse(frameText(data) ?? "null");
  } catch {
    return NOTHING;
  }
  if (typeof frame !== "object" || frame === null) return NOTHING;
  // API Gateway's error frames have no type, and any other client can send them: their text is not shown.
  if (typeof frame.connectionId === "string" && typeof frame.requestId === "string") {
    return { kind: "doubt", text: GATEWAY_ERRORS.includes(frame.message) ? frame.message : "an error" };
  }
  if (frame.type === undefined && typeof frame.message === "string") {
    return { kind: "unsigned", ...truncated(frame.message) };
  }
  return (Object.hasOwn(READERS, String(frame.type)) && READERS[frame.type](frame)) || NOTHING;
}

/* One reader for each type of frame. A reader returns null for a malformed frame. */
const READERS = {
  message: readMessage,
  messages: ({ messages }) => (Array.isArray(messages) ? { kind: "messages", messages: readGathered(messages) } : null),
  heartbeat: () => ({ kind: "heartbeat" }),
  error({ code, message, clientId, retryAfterMs }) {
    const retryAfter = isCount(retryAfterMs) ? Math.min(retryAfterMs, RETRY_AFTER_MAXIMUM) : null;
    const text = String(message).slice(0, 200);
    return { kind: "error", code: String(code), text, clientId: shortText(clientId), retryAfter };
  },
  presence({ event, user, count }) {
    if (!isUser(user) || !isCount(count) || !["join", "leave"].includes(event)) return null;
    return { kind: "presence", event, user: userOf(user), count };
  },
  entered({ you, access, users, count, messages, more }) {
    if (!isUser(you)) return null;
    const mayWrite = access !== "read";
    return { kind: "entered", you: userOf(you), mayWrite, ...readUsers(users, count), ...readPage(messages, more) };
  },
  history: ({ messages, more }) => ({ kind: "history", ...readPage(messages, more) }),
  deleted: ({ id }) => (UUID_V7.test(id) ? { kind: "deleted", id } : null),
  who: ({ users, count }) => ({ kind: "who", ...readUsers(users, count) }),
};

function readMessage({ id, clientId, from, at, ephemeral, message }) {
  const time = new Date(at);
  if (!UUID_V7.test(id) || !isUser(from) || Number.isNaN(time.valueOf()) || message === undefined) return null;
  const stamp = { id, clientId: shortText(clientId), user: userOf(from) };
  if (ephemeral === true) return { kind: "signal", ...stamp, message };
  return { kind: "message", ...stamp, time, ...truncated(textOf(message)) };
}

/* The text of a message. Messages of other clients may be any JSON. */
function textOf(message) {
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(message);
  } catch {
    // JSON.stringify is recursive in some browsers, so it overflows on nesting that JSON.parse has read.
    return "(a message that cannot be shown)";
  }
}

function readPage(messages, more) {
  const frames = Array.isArray(messages) ? messages : [];
  return { messages: frames.map((frame) => readMessage(Object(frame))).filter(Boolean), more: more === true };
}

/* Messages that were delivered together. Malformed ones are dropped. */
function readGathered(frames) {
  return frames.map((frame) => (frame?.type === "message" ? readMessage(frame) : null)).filter(Boolean);
}

function readUsers(users, count) {
  const listed = (Array.isArray(users) ? users : []).filter(isUser).slice(0, PEOPLE_LISTED).map(userOf);
  return { users: listed, count: isCount(count) ? count : listed.length };
}

/* The text of a text frame or of a UTF-8 binary frame; null for other binary frames. */
function frameText(data) {
  if (typeof data === "string") return data.startsWith("\ufeff") ? data.slice(1) : data;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return null;
  }
}

function truncated(message) {
  if (message.length <= MESSAGE_MAXIMUM) return { text: message, isTruncated: false };
  // A slice may reference the whole message. A JSON round trip copies it and preserves lone surrogates.
  return { text: JSON.parse(JSON.stringify(message.slice(0, MESSAGE_MAXIMUM))), isTruncated: true };
}

const shortText = (value) => (typeof value === "string" && value.length > 0 && value.length <= 64 ? value : null);
const isUser = (user) => typeof user?.id === "string" && USER_ID.test(user.id) && typeof user.name === "string";
const isCount = (count) => Number.isSafeInteger(count) && count >= 0;
const userOf = ({ id, name }) => ({ id, name: cleanName(name) ?? "Someone" });

const sendFrame = (text, clientId) => JSON.stringify({ action: "send", clientId, message: text });
