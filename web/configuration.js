"use strict";

/*
  The address of the chat server: the "url" of config.json beside the page. Only where no such file exists does ?url=
  count: anyone can send a link, and a link must not redirect what a person writes to another server. For the same
  reason no message repeats the ?url= of the link.
*/

const HOW_TO_CONFIGURE = 'Put a config.json with {"url": "wss://…"} beside this page, '
  + "or open a page without config.json with ?url=wss://… at the end of its address.";

async function socketURL() {
  const configuration = await readConfiguration();
  const text = configuration ? configuration.url : new URLSearchParams(location.search).get("url");
  if (!configuration && !text) throw new Error(`No chat server is set. ${HOW_TO_CONFIGURE}`);
  const url = parseSocketURL(text);
  if (!url) {
    const source = configuration ? "The url in config.json" : "The url in this page's address";
    throw new Error(`${source} is not the address of a WebSocket. ${HOW_TO_CONFIGURE}`);
  }
  return url;
}

/* What config.json holds; null if there is none. Any failure but 404 is an error, so that ?url= cannot replace it. */
async function readConfiguration() {
  // A page opened from disk cannot fetch.
  if (!location.protocol.startsWith("http")) return null;
  let response;
  try {
    response = await fetch("config.json", { cache: "no-store" });
  } catch {
    throw new Error("Could not load config.json. Check the network, then press Start.");
  }
  if (response.status === 404 || response.status === 410) return null;
  if (!response.ok) throw new Error(`Could not load config.json: HTTP status ${response.status}. Press Start to retry.`);
  try {
    return Object(await response.json());
  } catch {
    throw new Error(`config.json is not valid JSON. ${HOW_TO_CONFIGURE}`);
  }
}

function parseSocketURL(text) {
  const url = typeof text === "string" ? parseURL(text) : null;
  if (!url || !["ws:", "wss:"].includes(url.protocol)) return null;
  // The host becomes part of a policy: it must not hold what separates the parts of one.
  if (!/^[\w.:[\]-]+$/.test(url.host)) return null;
  url.hash = "";
  return url;
}

/* Limits connections to the socket's host: a second policy can only narrow the first. */
function allowOnlyConnectionsTo(url) {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  // A policy cannot name an IPv6 address.
  policy.content = `connect-src ${url.host.startsWith("[") ? url.protocol : url.origin}`;
  document.head.append(policy);
}
