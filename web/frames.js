"use strict";

/* Frames, in and out. Only the kind "message" is ever shown as a person's words. */

// The longest message that API Gateway takes is 128 KB. More than that comes from no chat, and is cut.
const MESSAGE_MAXIMUM = 128 * 1024;

function readFrame(data) {
  const text = frameText(data);
  if (!text) return { kind: "nothing" };
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    // The chat's own frames are JSON. A local gateway hands the function's plain answer to the sender; AWS does not.
    return text === "Message sent." ? { kind: "nothing" } : { kind: "error", text: text.slice(0, 200) };
  }
  // The gateway's own errors.
  if (typeof frame?.connectionId === "string" && typeof frame.requestId === "string") {
    return { kind: "error", text: String(frame.message ?? "an error").slice(0, 200) };
  }
  const from = shortText(frame?.from);
  if (typeof frame?.message === "string") {
    return { kind: "message", ...cutMessage(frame.message), id: shortText(frame.id), from };
  }
  if (typeof frame?.away === "number" && from) return { kind: "away", milliseconds: frame.away * SECOND, from };
  // A server without a heartbeat route delivers the heartbeat itself, as any other frame.
  if (frame?.type === "heartbeat" || frame?.action === "heartbeat") return { kind: "heartbeat" };
  return { kind: "nothing" };
}

/* A frame's text: binary frames hold UTF-8 too. Null if they do not. */
function frameText(data) {
  if (typeof data === "string") return data.startsWith("\ufeff") ? data.slice(1) : data;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return null;
  }
}

function cutMessage(message) {
  if (message.length <= MESSAGE_MAXIMUM) return { text: message, isCut: false };
  // A slice would keep the whole message in memory; JSON makes a copy, lone surrogates included.
  return { text: JSON.parse(JSON.stringify(message.slice(0, MESSAGE_MAXIMUM))), isCut: true };
}

const shortText = (value) => (typeof value === "string" && value.length > 0 && value.length <= 64 ? value : null);

const messageFrame = (message, id, from) => JSON.stringify({ message, id, from });
const awayFrame = (seconds, from) => JSON.stringify({ away: seconds, from });
const HEARTBEAT = '{"action":"heartbeat"}';
