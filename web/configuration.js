"use strict";

/*
  config.json, in the page's folder: the chat server's address in "url" and, if people sign in, the OpenID Connect
  issuer in "signIn". The ?url= parameter applies only if config.json does not exist: anyone can send a link, and a link
  must not redirect messages to another server. For the same reason, no error message contains the value of ?url=.
*/

const HOW_TO_CONFIGURE = 'Add a config.json with {"url": "wss://…"} to the folder of this page, '
  + "or remove config.json and add ?url=wss://… to the address of this page.";

/* Returns { url, signIn }: the WebSocket's URL, and the issuer's settings or null. */
async function readSettings() {
  const configuration = await readConfiguration();
  const text = configuration ? configuration.url : new URLSearchParams(location.search).get("url");
  if (!configuration && !text) throw new Error(`No chat server is configured. ${HOW_TO_CONFIGURE}`);
  const url = parseSocketURL(text);
  if (!url) {
    const source = configuration ? "The url in config.json" : "The url in this page's address";
    throw new Error(`${source} is not a WebSocket address. ${HOW_TO_CONFIGURE}`);
  }
  const signIn = configuration?.signIn ?? null;
  return { url, signIn: signIn === null ? null : parseSignIn(signIn) };
}

/* Loads config.json; returns null if the file does not exist. Any other failure throws, so that ?url= is not used. */
async function readConfiguration() {
  // fetch() does not read files from disk.
  if (!location.protocol.startsWith("http")) return null;
  let response;
  try {
    response = await fetch("config.json", { cache: "no-store" });
  } catch {
    throw new Error("Could not load config.json. Check the network, then press Start.");
  }
  if (response.status === 404 || response.status === 410) return null;
  if (!response.ok) throw new Error(`Could not load config.json: HTTP ${response.status}. Press Start to retry.`);
  try {
    return Object(await response.json());
  } catch {
    throw new Error(`config.json is not valid JSON. ${HOW_TO_CONFIGURE}`);
  }
}

function parseSocketURL(text) {
  const url = typeof text === "string" ? parseURL(text) : null;
  if (!url || !["ws:", "wss:"].includes(url.protocol)) return null;
  // The host is inserted into a Content Security Policy and must not contain its separators.
  if (!/^[\w.:[\]-]+$/.test(url.host)) return null;
  url.hash = "";
  return url;
}

/* Restricts connections to the URLs' hosts. A request must satisfy this policy and the one in index.html. */
function allowOnlyConnectionsTo(urls) {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  // A policy cannot contain an IPv6 address: allow the whole scheme.
  const sources = urls.map(({ host, protocol, origin }) => (host.startsWith("[") ? protocol : origin));
  policy.content = `connect-src ${sources.join(" ")}`;
  document.head.append(policy);
}
