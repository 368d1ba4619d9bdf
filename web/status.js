"use strict";

/* The connection state, the delivery status and the typing indicator, as text. */

const STATE_WORDS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  stopped: "Stopped",
  "signed-out": "Signed out",
  unconfigured: "No server",
};

const WAITING_FOR = { stopped: "until you press Start", "signed-out": "until you sign in" };

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
    text = `${numberOf(waiting, "message")} waiting ${WAITING_FOR[state] ?? "for the connection"}`;
  }
  element("delivery-text").textContent = text;
  element("delivery").classList.toggle("sending", text === "Sending…");
  element("try-again").hidden = !entries.some((entry) => entry.failed && !entry.isForbidden);
  element("discard").hidden = failed === 0;
}

/* Setting the same text again would make screen readers repeat it. */
function showText(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}
