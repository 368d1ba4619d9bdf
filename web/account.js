"use strict";

// Refused connections in a row after which a signed-in person is told.
const REFUSALS_SHOWN = 2;

/*
  Who the person is: signed in if config.json has "signIn", otherwise with a name and a key of this browser. Shows the
  name, and the invitation to sign in.
*/
class Account {
  #answer = takeAnswer();
  #signIn = null;
  #name = ownName();
  #person = null;
  #failures = 0;
  #handlers;

  /*
    Handlers:
    - signedIn(): the first token has arrived.
    - problem(text): an error to show.
    - leaving(): the page is about to be left for the issuer.
    - signedOut(leave): the person signed out; leave() leaves the page.
  */
  constructor(handlers) {
    this.#handlers = handlers;
    element("sign-in-button").addEventListener("click", () => this.#begin());
    element("sign-out").addEventListener("click", () => handlers.signedOut(this.#signIn.signOut()));
    showText("you", this.#name);
  }

  get name() {
    return this.#name;
  }

  /* Uses a name of the person's own choice, unless the token has one. */
  set name(name) {
    if (this.isNameFixed) return;
    this.#show(name);
  }

  get isSignedIn() {
    return Boolean(this.#signIn?.claims);
  }

  /* True if the token has a name: the server uses it. */
  get isNameFixed() {
    return this.isSignedIn && nameIn(this.#signIn.claims) !== null;
  }

  /* The signed-in person's id, also after the sign-in has expired; null before. */
  get person() {
    return this.#person;
  }

  /* Uses the name that the server gave the person. */
  confirm({ name }) {
    if (this.#signIn) this.#show(name);
  }

  /* Prepares signing in by the settings of config.json, or null. Returns the URLs that the page connects to. */
  async prepare(settings) {
    if (!settings) return [];
    this.#showIdentity(false);
    element("signed-in").hidden = false;
    const issuer = await discoverEndpoints(settings);
    this.#signIn = new SignIn(issuer, () => this.#changed());
    if (this.#answer) this.#signIn.resume(this.#answer);
    this.#answer = null;
    return [new URL(issuer.tokenEndpoint)];
  }

  /* The socket's address, as for Connection. */
  addressOf(server, room) {
    if (!this.#signIn) return roomURL(server, { room, name: this.#name, key: ownKey(server) });
    return async () => {
      const token = await this.#freshToken();
      if (token === null) return null;
      return roomURL(server, { room, ...(this.isNameFixed ? {} : { name: this.#name }), token });
    };
  }

  /* Shows why the person must sign in, and what happens to unsent messages. */
  invite(unsent) {
    const { problem } = this.#signIn;
    showText("sign-in-text", [problem || "Sign in to enter this chat.", unsent].filter(Boolean).join(" "));
    showText("sign-in-button", this.#person || problem ? "Sign in again" : "Sign in");
  }

  /* Tells a signed-in person why the server may refuse the connection: browsers do not say. */
  refused(count) {
    if (!this.isSignedIn || count !== REFUSALS_SHOWN || !navigator.onLine) return;
    this.#handlers.problem("The chat server does not accept the connection. Perhaps your account may not enter this "
      + "room, or the server cannot be reached. The page keeps trying. You can change the room, or sign out and in "
      + "again.");
  }

  async #freshToken() {
    try {
      const token = await this.#signIn.token();
      this.#failures = 0;
      return token;
    } catch (error) {
      this.#failures += 1;
      // Some failures are brief: the first ones are not shown.
      if (this.#failures === PROBLEM_AFTER) {
        this.#handlers.problem("The sign-in service does not answer. The page keeps trying.");
      }
      throw error;
    }
  }

  async #begin() {
    try {
      this.#handlers.leaving();
      await this.#signIn.begin();
    } catch (error) {
      this.#handlers.problem(error.message);
    }
  }

  #changed() {
    const { claims } = this.#signIn;
    this.#showIdentity(claims !== null);
    if (!claims) return;
    const isFirst = this.#person === null;
    this.#person = claims.sub;
    this.#show(nameIn(claims) ?? ownName());
    if (isFirst) this.#handlers.signedIn();
  }

  #showIdentity(isShown) {
    element("identity").hidden = !isShown;
  }

  #show(name) {
    this.#name = name;
    showText("you", name);
  }
}
