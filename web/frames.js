"use strict";

/* Parsing and formatting of frames. Only frames of kind "message" are shown as chat messages. */

// Characters. API Gateway accepts messages of up to 128 KB; longer ones are truncated.
const MESSAGE_MAXIMUM = 128 * 1024;

function readFrame(data) {
  const text = frameText(data);
  if (!text) return { kind: "nothing" };
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    // The chat's frames are JSON. The local AWS also sends the function's plain-text response to the sender.
    return text === "Message sent." ? { kind: "nothing" } : { kind: "error", text: text.slice(0, 200) };
  }
  // Error frames from API Gateway.
  if (typeof frame?.connectionId === "string" && typeof frame.requestId === "string") {
    return { kind: "error", text: String(frame.message ?? "an error").slice(0, 200) };
  }
  const from = shortText(frame?.from);
  if (typeof frame?.message === "string") {
    return { kind: "message", ...truncated(frame.message), id: shortText(frame.id), from };
  }
  if (typeof frame?.away === "number" && from) return { kind: "away", milliseconds: frame.away * SECOND, from };
  // A server without a heartbeat route broadcasts the heartbeat like any other frame.
  if (frame?.type === "heartbeat" || frame?.action === "heartbeat") return { kind: "heartbeat" };
  return { kind: "nothing" };
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

const messageFrame = (message, id, from) => JSON.stringify({ message, id, from });
const awayFrame = (seconds, from) => JSON.stringify({ away: seconds, from });
const HEARTBEAT = '{"action":"heartbeat"}';
