"use strict";

/* The room in the page's address: #room. */

const ROOM = /^[A-Za-z0-9._-]{1,64}$/;
const DEFAULT_ROOM = "lobby";
const ROOM_RULE = "A room has 1 to 64 letters A to Z, digits, dots, hyphens or underscores.";

/* The room to enter, and whether the address names an invalid one. Without a room in the address, the last one. */
function roomInAddress() {
  const text = decodedFragment();
  if (ROOM.test(text)) return { room: text, isInvalid: false };
  const last = stored("chat-room") ?? "";
  return { room: ROOM.test(last) && text === "" ? last : DEFAULT_ROOM, isInvalid: text !== "" };
}

function decodedFragment() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/* The socket's URL with the parameters of the handshake: the room, and who the person is. */
function roomURL(server, parameters) {
  const url = new URL(server);
  for (const [parameter, value] of Object.entries(parameters)) url.searchParams.set(parameter, value);
  return url.href;
}
