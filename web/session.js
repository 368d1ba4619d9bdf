"use strict";

// Messages that arrive before the first "entered" frame, which says who this page's person is.
const EARLY_MAXIMUM = 200;
// The clientId of typing signals. Errors for it are not shown.
const TYPING_ID = "typing";
// The number of failed attempts to catch up after which the person is told.
const PROBLEM_AFTER = 3;

/*
  One person in one room: connection, catching up, sending.

  Handlers:
  - state(name, seconds): "connecting", "connected", "reconnecting" with the seconds until the next attempt, "stopped",
    "signed-out".
  - refused(count): the server has not accepted the last `count` connections.
  - entered(frame, isFirst): the room's people, whether the person may write and, if isFirst, older messages exist.
  - messages(list, isNew): messages that this page has not had; isNew is false for those before the first entry.
  - deleted(id): a message was deleted.
  - presence(frame), people(frame), signal(frame), unsigned(frame): frames of these kinds.
  - problem(text): an error to show.
  - rejected(text): a message is not sent without the person's help; the server's reason, or an empty text.
  - returned(seconds): reconnected after a loss.
  - outbox(entries): the messages whose delivery is pending.
*/
class Session {
  #handlers;
  #connection;
  #requests;
  #outbox;
  #sync = new Sync();
  #ids = new RecentIds();
  #deleted = new RecentIds();
  #early = [];
  #me = null;
  #isEntered = false;
  #failures = 0;
  #refusals = 0;
  // A message may be in the history although it failed, and the page that would have it is requested.
  #isUncertain = false;
  #isLooking = false;
  #timer;
  #lostAt = null;

  /* entries: the messages that wait in the outbox. */
  constructor(entries, handlers) {
    this.#handlers = handlers;
    this.#connection = new Connection({
      state: (state, seconds) => this.#showState(state, seconds),
      refused: () => handlers.refused(this.#refusals += 1),
      opened: () => this.#enter(),
      frame: (data) => this.#receive(readFrame(data)),
      lost: () => this.#lost(),
    });
    this.#requests = new Requests({
      send: (text) => this.#connection.send(text),
      timedOut: () => this.#unanswered(),
    });
    this.#outbox = new Outbox(entries, {
      canSend: () => this.#isEntered && this.#sync.isCaughtUp && !this.#isUncertain,
      send: (entry) => this.#connection.send(entry.frame),
      echoMissing: () => this.#connection.replace(),
      uncertain: (delay) => {
        this.#isUncertain = true;
        this.#checkAfter(delay);
      },
      failed: handlers.rejected,
      changed: () => handlers.outbox(this.#outbox.entries),
    });
  }

  /* The person's id in frames; null before the first entry. */
  get ownId() {
    return this.#me?.id ?? null;
  }

  get outbox() {
    return this.#outbox;
  }

  get isConnected() {
    return this.#isEntered;
  }

  /* True while the answer to a heartbeat is pending. */
  get isProbing() {
    return this.#connection.isProbing;
  }

  /* Connects. `address` is as for Connection. */
  start(address) {
    this.#connection.start(address);
  }

  stop() {
    this.#connection.stop();
    this.#lostAt = null;
  }

  check() {
    this.#connection.check();
  }

  /* Reconnects to another address, unless stopped. */
  moveTo(address) {
    this.#connection.moveTo(address);
    this.#lostAt = null;
  }

  /* Requests the page of messages before an id; calls done with the answer, or with null. */
  loadOlder(before, done) {
    if (!this.#isEntered) return done(null);
    const answered = ({ messages, more }) => done({ messages: this.#withoutDeleted(messages), more });
    this.#requests.add({ action: "history", before }, answered, () => done(null));
  }

  /* Requests the room's people. */
  refreshPeople() {
    if (this.#isEntered) this.#requests.add({ action: "who" }, (frame) => this.#handlers.people(frame));
  }

  /* Sends a value that the server delivers and does not keep. */
  signal(message) {
    if (!this.#isEntered) return;
    this.#connection.send(JSON.stringify({ action: "send", clientId: TYPING_ID, message, ephemeral: true }));
  }

  // ---------------------------------------------------------------- Connection

  #showState(state, seconds) {
    if (state === "signed-out") this.#lostAt = null;
    // A socket is of use once the server has answered "enter".
    if (state !== "connected") this.#handlers.state(state, seconds);
  }

  #enter() {
    this.#failures = this.#refusals = 0;
    this.#synchronize(this.#sync.start());
  }

  #unanswered() {
    if (!this.#isEntered) this.#handlers.problem(`The server did not answer within ${REQUEST_WITHIN / SECOND} s.`);
    this.#connection.replace();
  }

  #lost() {
    this.#isEntered = this.#isUncertain = this.#isLooking = false;
    this.#lostAt ??= now();
    this.#requests.clear();
    clearTimeout(this.#timer);
    this.#outbox.pause();
  }

  // ---------------------------------------------------------------- Catching up

  #synchronize(request) {
    this.#requests.add(request, (frame) => this.#synchronized(frame), (text) => this.#retry(request, text));
  }

  #retry(request, text) {
    // Some failures are brief: the first ones are not shown.
    if (this.#failures === PROBLEM_AFTER) this.#handlers.problem(`The server reported: ${text}`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#synchronize(request), backoff(this.#failures++));
  }

  #synchronized(frame) {
    this.#failures = 0;
    if (frame.kind === "entered") this.#entered(frame);
    const isFirst = frame.isFirst === true;
    const next = this.#sync.answered(frame);
    this.#deliver(frame.messages, !isFirst);
    if (isFirst) this.#deliver(this.#early.splice(0), true);
    if (next) return this.#synchronize(next);
    // An answer to an earlier request says nothing about a message that failed since.
    if (this.#isUncertain && !this.#isLooking) return;
    this.#isUncertain = this.#isLooking = false;
    this.#checkAfter(this.#sync.checkAfter);
    this.#outbox.next();
  }

  #checkAfter(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isLooking = this.#isUncertain;
      if (this.#isUncertain || this.#sync.hasNews) this.#synchronize(this.#sync.check());
      else this.#checkAfter(NEXT_CHECK_AFTER);
    }, delay);
  }

  #entered(frame) {
    frame.isFirst = this.#me === null;
    this.#me = frame.you;
    this.#isEntered = true;
    this.#handlers.state("connected");
    this.#handlers.entered(frame, frame.isFirst);
    if (this.#lostAt !== null) this.#handlers.returned(Math.ceil((now() - this.#lostAt) / SECOND));
    this.#lostAt = null;
  }

  // ---------------------------------------------------------------- Frames

  /* Handles a frame; returns true if it answers a heartbeat. */
  #receive(frame) {
    switch (frame.kind) {
      case "message": this.#receiveMessage(frame); break;
      case "messages": for (const each of frame.messages) this.#receive(each); break;
      case "error": this.#receiveError(frame); break;
      case "doubt": this.#receiveDoubt(frame); break;
      case "deleted": this.#delete(frame.id); break;
      case "entered": case "history": case "who": this.#requests.answer(frame); break;
      case "presence": case "signal":
        if (frame.user.id !== this.ownId) this.#handlers[frame.kind](frame);
        break;
      case "unsigned": this.#handlers.unsigned(frame); break;
    }
    return frame.kind === "heartbeat";
  }

  #receiveMessage(frame) {
    if (this.#me) {
      this.#sync.received();
      this.#deliver([frame], true);
    } else if (this.#early.length < EARLY_MAXIMUM) this.#early.push(frame);
  }

  /* Passes on the messages that are new to this page, and confirms the page's own. */
  #deliver(messages, isNew) {
    const fresh = messages.filter(({ id }) => this.#ids.add(id));
    for (const message of fresh) {
      if (message.user.id === this.ownId && message.clientId) this.#outbox.confirm(message.clientId);
    }
    const shown = this.#withoutDeleted(fresh);
    if (shown.length) this.#handlers.messages(shown, isNew);
  }

  /* Remembers the id too: the message may arrive later, in a page or in a delivery that was overtaken. */
  #delete(id) {
    this.#deleted.add(id);
    this.#handlers.deleted(id);
  }

  #withoutDeleted(messages) {
    return messages.filter(({ id }) => !this.#deleted.has(id));
  }

  #receiveError({ code, text, clientId, retryAfter }) {
    if (clientId === TYPING_ID) return;
    if (clientId) this.#outbox.serverFailed(clientId, code, text, retryAfter);
    else if (!this.#requests.fail(text)) this.#handlers.problem(`The server reported: ${text}`);
  }

  /* Without a pending request or message, the error is that of a throttled heartbeat, or forged: nothing is shown. */
  #receiveDoubt({ text }) {
    this.#requests.doubt(text);
    if (this.#outbox.awaitsEcho) this.#handlers.problem(`The server reported: ${text}`);
    this.#outbox.doubt(text);
  }
}
