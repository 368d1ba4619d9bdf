"use strict";

/* The connection state, the delivery status and the typing indicator, as text. */

const STATE_WORDS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  stopped: "Stopped",
  unconfigured: "No server",
};

function showState(state, seconds) {
  document.body.dataset.state = state;
  showText("state-word", STATE_WORDS[state]);
  element("countdown").textContent = seconds ? `in ${seconds} s` : "";
}

function showDelivery(entries) {
  const failed = entries.filter((entry) => entry.failed).length;
  const waiting = entries.length - failed;
  const { state } = document.body.dataset;
  let text = "";
  if (failed) text = `${numberOf(failed, "message")} not sent`;
  else if (waiting && state === "connected") text = "Sending…";
  else if (waiting) {
    text = `${numberOf(waiting, "message")} waiting ${state === "stopped" ? "until you press Start" : "for the connection"}`;
  }
  element("delivery-text").textContent = text;
  element("delivery").classList.toggle("sending", text === "Sending…");
  for (const button of ["try-again", "discard"]) element(button).hidden = failed === 0;
}

const OLDER_TEXTS = {
  none: "",
  more: "Show older messages",
  loading: "Loading older messages…",
  start: "There are no older messages.",
  full: `This page shows the last ${MESSAGES_SHOWN.toLocaleString()} messages at most.`,
};

/* Shows above the conversation whether older messages exist: a key of OLDER_TEXTS. */
function showOlder(state) {
  const isButton = state === "more" || state === "loading";
  const button = element("load-older");
  if (!isButton && document.activeElement === button) element("chat-box").focus({ preventScroll: true });
  button.hidden = !isButton;
  button.setAttribute("aria-disabled", String(state === "loading"));
  button.textContent = OLDER_TEXTS[state];
  element("older-end").textContent = isButton ? "" : OLDER_TEXTS[state];
}

/* Setting the same text again would make screen readers repeat it. */
function showText(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}
