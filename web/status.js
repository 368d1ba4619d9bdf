"use strict";

/* The connection state and the delivery status, as text. */

const STATE_WORDS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  stopped: "Stopped",
  unconfigured: "No server",
};

function showState(state, seconds) {
  document.body.dataset.state = state;
  // Setting the same text again would make screen readers repeat it.
  const word = element("state-word");
  if (word.textContent !== STATE_WORDS[state]) word.textContent = STATE_WORDS[state];
  element("countdown").textContent = seconds ? `in ${seconds} s` : "";
}

function showDelivery(entries) {
  const failed = entries.filter((entry) => entry.failed).length;
  const waiting = entries.length - failed;
  const isConnected = document.body.dataset.state === "connected";
  const isStopped = document.body.dataset.state === "stopped";
  let text = "";
  if (failed) text = `${numberOf(failed, "message")} not delivered`;
  else if (waiting && isConnected) text = "Sending…";
  else if (waiting) {
    text = `${numberOf(waiting, "message")} waiting ${isStopped ? "until you press Start" : "for the connection"}`;
  }
  element("delivery-text").textContent = text;
  element("delivery").classList.toggle("sending", text === "Sending…");
  element("try-again").hidden = failed === 0;
}
