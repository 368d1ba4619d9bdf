"use strict";

/*
  Signing in: the authorization code flow of OpenID Connect with PKCE (RFC 7636, S256), and fresh ID tokens.

  The tokens are in this object only: not in the browser's storage, not in the document, not in an error's text. The
  redirection to the issuer ends the page; only the values in PENDING survive it, in the tab's session storage.
*/

const PENDING = "chat-sign-in";
// A token that expires sooner is replaced before it is used.
const RENEW_BEFORE = MINUTE;

const EXPIRED = "Your sign-in has expired.";
const INTERRUPTED = "This sign-in is not one that this tab began, or it was already used.";
const UNFIT = "The sign-in service's answer does not fit this sign-in.";
const FAILED = "The sign-in service reported an error.";
// Error codes of RFC 6749 that only a change of the settings corrects, here or at the issuer.
const SETUP_ERRORS = [
  "invalid_request", "invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type",
  "unsupported_response_type",
];
const TRANSIENT_ERRORS = ["server_error", "temporarily_unavailable"];

/* The text for an error code of the issuer, whose own text is not shown: a link to this page could contain any. */
function textOfError(code) {
  if (SETUP_ERRORS.includes(code)) return "The sign-in service does not accept this page. Tell those who run the chat.";
  if (TRANSIENT_ERRORS.includes(code)) return "The sign-in service has a problem. Try again later.";
  if (code === "access_denied") return "The sign-in was canceled or refused.";
  return code === "invalid_grant" ? EXPIRED : FAILED;
}

/* The page's own address, to which the issuer returns. It must be registered there. */
const ownAddress = () => location.origin + location.pathname;

/*
  Takes the issuer's answer out of the page's address, and restores the room there. Returns null without an answer,
  otherwise { code, error, state, iss, pending }; `pending` is what begin() stored, or null.
*/
function takeAnswer() {
  const query = new URLSearchParams(location.search);
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return null;
  let pending = null;
  try {
    pending = JSON.parse(sessionStorage.getItem(PENDING));
    sessionStorage.removeItem(PENDING);
  } catch {
    // Without session storage, no sign-in can have begun.
  }
  history.replaceState(null, "", location.pathname + (pending?.hash ?? location.hash));
  const [code, error, state, iss] = ["code", "error", "state", "iss"].map((name) => query.get(name));
  return { code, error, state, iss, pending };
}

class SignIn {
  #issuer;
  #changed;
  // The parameters of the next token request: an authorization code or a refresh token.
  #grant = null;
  // Claims that the next ID token must have: the nonce of this sign-in, then the same person.
  #expected = null;
  #token = null;
  #claims = null;
  #lifetime = 0;
  #receivedAt = 0;
  #receivedOn = 0;
  #request = null;
  #problem = "";

  /* issuer: settings with endpoints. changed(): called after each new token, and when the person is signed out. */
  constructor(issuer, changed) {
    this.#issuer = issuer;
    this.#changed = changed;
  }

  /* The claims of the current ID token; null while the person is not signed in. */
  get claims() {
    return this.#claims;
  }

  /* Why the person is not signed in; empty before the first attempt. */
  get problem() {
    return this.#problem;
  }

  /* Leaves the page for the issuer. Throws if this browser cannot sign in. */
  async begin() {
    if (!crypto.subtle) throw new Error("Signing in requires that this page is on https.");
    const [state, nonce, verifier] = [randomSecret(), randomSecret(), randomSecret()];
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    try {
      sessionStorage.setItem(PENDING, JSON.stringify({ state, nonce, verifier, hash: location.hash }));
    } catch {
      throw new Error("Signing in requires session storage, which this browser denies to this page.");
    }
    const { authorizationEndpoint, clientId, scope } = this.#issuer;
    leaveFor(authorizationEndpoint, {
      response_type: "code",
      client_id: clientId,
      redirect_uri: ownAddress(),
      scope,
      state,
      nonce,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: "S256",
    });
  }

  /* Continues a sign-in with the issuer's answer; token() then exchanges the code. */
  resume({ code, error, state, iss, pending }) {
    if (!pending || pending.state !== state) return this.#end(INTERRUPTED);
    // RFC 9207: the answer of another issuer.
    if (iss === null ? this.#issuer.namesItself : iss !== this.#issuer.issuer) return this.#end(UNFIT);
    if (error !== null) return this.#end(textOfError(error));
    this.#expected = { nonce: pending.nonce };
    this.#grant = {
      grant_type: "authorization_code", code, redirect_uri: ownAddress(), code_verifier: pending.verifier,
    };
  }

  /* A fresh ID token, or null if the person must sign in. Throws if the issuer does not answer: try again later. */
  async token() {
    if (this.#token !== null && this.#isFresh) return this.#token;
    if (this.#grant === null) return this.#end(this.#token === null ? this.#problem : EXPIRED);
    // All callers share a request: codes and refresh tokens are valid once.
    this.#request ??= this.#redeem().finally(() => { this.#request = null; });
    return this.#request;
  }

  /* Forgets the tokens. Returns a function that leaves the page, for the issuer if it supports signing out. */
  signOut() {
    const { endSessionEndpoint, clientId } = this.#issuer;
    const token = this.#token;
    this.#end("");
    if (!endSessionEndpoint || token === null) return () => location.reload();
    const address = ownAddress();
    // Amazon Cognito has its own name for the address.
    const parameters = { client_id: clientId, post_logout_redirect_uri: address, logout_uri: address };
    return () => leaveFor(endSessionEndpoint, { id_token_hint: token, ...parameters });
  }

  async #redeem() {
    const grant = this.#grant;
    const form = { ...grant, client_id: this.#issuer.clientId };
    const { status, body } = await askIssuer(this.#issuer.tokenEndpoint, form);
    // The person has signed out.
    if (grant !== this.#grant) return null;
    if (status === 200) return this.#accept(body);
    const isTransient = status >= 500 || [408, 425, 429].includes(status) || TRANSIENT_ERRORS.includes(body.error);
    if (isTransient || typeof body.error !== "string") throw new Error(`The token endpoint answered HTTP ${status}.`);
    return this.#end(textOfError(body.error));
  }

  #accept({ id_token: token, refresh_token: refreshToken = this.#grant.refresh_token }) {
    const claims = claimsOf(token);
    // OpenID Connect allows a refresh without an ID token.
    if (!claims) return this.#end(this.#token === null ? UNFIT : EXPIRED);
    const { issuer, clientId } = this.#issuer;
    const isExpected = claims.iss === issuer && [claims.aud].flat().includes(clientId)
      && typeof claims.sub === "string" && Number.isFinite(claims.exp) && Number.isFinite(claims.iat)
      && Object.entries(this.#expected).every(([name, value]) => claims[name] === value);
    if (!isExpected) return this.#end(UNFIT);
    const isRefreshable = typeof refreshToken === "string";
    this.#grant = isRefreshable ? { grant_type: "refresh_token", refresh_token: refreshToken } : null;
    this.#expected = { sub: claims.sub };
    this.#token = token;
    this.#claims = claims;
    this.#receivedAt = now();
    this.#receivedOn = Date.now();
    // This machine's clock may be slow, and some issuers date `iat` back.
    this.#lifetime = Math.min((claims.exp - claims.iat) * SECOND, claims.exp * SECOND - this.#receivedOn);
    this.#problem = "";
    this.#changed();
    return token;
  }

  get #isFresh() {
    // The monotonic clock may stop while the machine sleeps; the system clock may be set back.
    const age = Math.max(now() - this.#receivedAt, Date.now() - this.#receivedOn);
    return age < this.#lifetime - RENEW_BEFORE;
  }

  #end(problem) {
    this.#grant = this.#expected = this.#token = this.#claims = null;
    this.#problem = problem;
    this.#changed();
    return null;
  }
}

function leaveFor(endpoint, parameters) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url.href);
}
