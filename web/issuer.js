"use strict";

/*
  The OpenID Connect issuer of "signIn" in config.json: its endpoints, requests to it, and its tokens. The page is a
  public client: it has no secret. Specifications: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749.
*/

const ISSUER_WITHIN = 20 * SECOND;
// The policy in index.html has the same hosts. A policy cannot contain [::1].
const LOOPBACK = ["127.0.0.1", "localhost"];

/* Checks "signIn" of config.json; throws if it is malformed. */
function parseSignIn(value) {
  const { issuer, clientId, scope = "openid profile", authorizationEndpoint, tokenEndpoint } = Object(value);
  const endpoints = [authorizationEndpoint, tokenEndpoint].filter((endpoint) => endpoint !== undefined);
  const isUsable = [clientId, scope].every((text) => typeof text === "string" && text !== "")
    && scope.split(" ").includes("openid")
    && [issuer, ...endpoints].every(isSecureURL) && !/[?#]/.test(issuer)
    && endpoints.length !== 1;
  if (isUsable) return { issuer, clientId, scope, authorizationEndpoint, tokenEndpoint };
  throw new Error('signIn in config.json must be {"issuer": "https://…", "clientId": "…"}: see docs/page.md.');
}

/* True for a URL to which codes and tokens may be sent: encrypted, or on this machine. */
function isSecureURL(text) {
  const url = typeof text === "string" ? parseURL(text) : null;
  if (!url || url.username || url.password) return false;
  // The host is inserted into a Content Security Policy and must not contain its separators.
  if (!/^[\w.:[\]-]+$/.test(url.host)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.includes(url.hostname));
}

/* Returns the settings with the endpoints of the issuer's discovery document, unless they have endpoints. */
async function discoverEndpoints(settings) {
  if (settings.tokenEndpoint) return settings;
  let answer;
  try {
    answer = await askIssuer(`${settings.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  } catch {
    throw new Error("Could not load the sign-in service's configuration. Check the network, then press Start.");
  }
  const { status, body } = answer;
  if (status !== 200) {
    throw new Error(`Could not load the sign-in service's configuration: HTTP ${status}. Press Start to retry.`);
  }
  // Otherwise the document of one issuer could send codes of another to its own token endpoint.
  if (body.issuer !== settings.issuer) throw new Error("The sign-in service is not the issuer in config.json.");
  const [authorizationEndpoint, tokenEndpoint] = [body.authorization_endpoint, body.token_endpoint];
  if (![authorizationEndpoint, tokenEndpoint].every(isSecureURL)) {
    throw new Error("The sign-in service's configuration has no usable endpoints.");
  }
  return {
    ...settings,
    authorizationEndpoint,
    tokenEndpoint,
    endSessionEndpoint: isSecureURL(body.end_session_endpoint) ? body.end_session_endpoint : null,
    namesItself: body.authorization_response_iss_parameter_supported === true,
  };
}

/* Requests JSON, with a form by POST. Returns { status, body }; rejects if no answer arrives or it is not JSON. */
async function askIssuer(url, form = null) {
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), ISSUER_WITHIN);
  try {
    const request = form ? { method: "POST", body: new URLSearchParams(form) } : {};
    // A redirection could send the form to another host.
    const options = { cache: "no-store", credentials: "omit", redirect: "error", signal: aborter.signal };
    const response = await fetch(url, { ...request, ...options });
    return { status: response.status, body: Object(await response.json()) };
  } finally {
    clearTimeout(timer);
  }
}

/*
  The claims of an ID token, or null. The page does not verify the signature: the token came from the token endpoint
  over TLS (OpenID Connect Core, 3.1.3.7), and the chat server verifies it.
*/
function claimsOf(token) {
  try {
    const [, payload] = token.split(".");
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    return Object(JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))));
  } catch {
    return null;
  }
}

// In the order in which the chat server looks for a name.
const NAME_CLAIMS = [
  "name", "preferred_username", "nickname", "given_name", "cognito:username", "username",
];

/* The name that the chat server takes from a token's claims, or null. */
function nameIn(claims) {
  const texts = NAME_CLAIMS.map((claim) => claims[claim]).filter((value) => typeof value === "string");
  return texts.find((text) => cleanName(text) === text.trim()) ?? null;
}
