"""Signing in to the page: the authorization code flow with PKCE, fresh tokens, signing out."""

import json

import pytest
from fake_issuer import NO_ANSWER
from page_signin import configure, invitation, quick, sign_in, traces
from page_support import change, query_of, texts_of

# ------------------------------------------------------------------ Signing in


def test_nothing_leaves_the_page_before_the_button_is_pressed(open_page, entrance, fake_chat, issuer):
    chat = open_page(entrance, connected=False)
    chat.wait_for_state("Signed out")
    assert invitation(chat) == "Sign in to enter this chat."
    assert chat.page.locator("#identity").is_hidden()
    assert not chat.page.is_editable("#message") and chat.page.is_disabled("#composer button")
    assert chat.page.inner_text("#restriction") == "Sign in to write."
    chat.page.get_by_role("button", name="Start").click()
    chat.page.wait_for_timeout(200)
    assert chat.state == "Signed out" and fake_chat.handshakes == []
    assert [path for _, path, _ in issuer.requests] == ["/.well-known/openid-configuration"]


def test_person_signs_in_and_returns_to_the_room(open_page, entrance, fake_chat, issuer):
    chat = open_page(f"{entrance}?x=1#kitchen", connected=False)
    sign_in(chat)
    assert chat.page.url == f"{entrance}#kitchen"
    [query] = map(query_of, fake_chat.handshakes)
    assert query.keys() == {"room", "token"} and query["room"] == "kitchen"
    assert chat.page.inner_text("#you") == "Ann"
    assert chat.page.is_editable("#message") and chat.page.inner_text("#restriction") == ""
    chat.write("It is me")
    chat.eventually(lambda: chat.own, ["It is me"])
    assert json.loads(fake_chat.kept["kitchen"][0][1])["from"] == {"id": "ann", "name": "Ann"}
    request, _ = issuer.parameters("/authorize")
    # 256 random bits each.
    assert {len(request[name]) for name in ("state", "nonce", "code_challenge")} == {43}
    assert request["redirect_uri"] == entrance and request["scope"] == "openid profile"


def test_tokens_and_verifiers_leave_no_trace(open_signed_in, fake_chat, issuer):
    chat = open_signed_in()
    [query] = map(query_of, fake_chat.handshakes)
    [exchange] = issuer.parameters("/token")
    request, _ = issuer.parameters("/authorize")
    fake_chat.refusal = (403, "no")
    fake_chat.drop()
    chat.eventually(lambda: len(chat.notes), 1)
    secrets = [query["token"], *query["token"].split("."), exchange["code"], exchange["code_verifier"]]
    found = traces(chat)
    assert not [secret for secret in [*secrets, request["state"], request["nonce"]] if secret in found]
    assert "chat-sign-in" not in found and "chat-key" not in found


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({}, "Ann"),
        ({"name": None, "preferred_username": "ann_b"}, "ann_b"),
        ({"name": " ", "nickname": "Annie"}, "Annie"),
        ({"name": "\u202eAnn", "given_name": "Anna"}, "Anna"),
        ({"name": None, "cognito:username": "a-1"}, "a-1"),
    ],
)
def test_name_of_the_token_is_used_and_cannot_be_changed(open_signed_in, fake_chat, issuer, claims, name):
    issuer.claims["ann"] = claims
    chat = open_signed_in()
    assert chat.page.inner_text("#you") == name
    chat.page.click("#change-name")
    assert not chat.page.is_editable("#name") and chat.page.locator("#name-hint").is_visible()
    chat.page.fill("#room", "kitchen")
    chat.page.get_by_role("button", name="Save").click()
    chat.eventually(lambda: chat.page.inner_text("#title"), "kitchen")
    chat.wait_for_state("Connected")
    assert [query_of(path).keys() for path in fake_chat.handshakes] == [{"room", "token"}] * 2
    assert name not in chat.page.evaluate("JSON.stringify({ ...localStorage })")


def test_person_without_a_name_in_the_token_chooses_one(open_signed_in, fake_chat, issuer):
    issuer.claims["ann"] = {"name": None}
    chat = open_signed_in()
    change(chat, name="Ann B.")
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    chat.wait_for_state("Connected")
    assert query_of(fake_chat.handshakes[1])["name"] == "Ann B." == chat.page.inner_text("#you")


def test_id_of_any_form_is_a_person(open_signed_in, fake_chat, issuer):
    issuer.claims["ann"] = {"sub": "auth0|a b/é" + "x" * 240}
    issuer.claims["ben"] = {"sub": "auth0|a", "name": "Ann"}
    ann, ben = open_signed_in("ann"), open_signed_in("ben")
    ann.eventually(lambda: ann.people, ["Ann (you)", "Ann (2)"])
    ann.write("Hello")
    ben.eventually(lambda: ben.messages, ["Hello"])
    assert ann.own == ["Hello"] and ben.own == []


# ------------------------------------------------------------------ Answers that are refused


def test_canceled_sign_in_is_explained_and_can_be_repeated(open_page, entrance, issuer):
    chat = open_page(f"{entrance}#kitchen", connected=False)
    chat.wait_for_state("Signed out")
    chat.page.click("#sign-in-button")
    chat.page.get_by_role("button", name="Cancel").click()
    chat.wait_for_state("Signed out")
    assert invitation(chat) == "The sign-in was canceled or refused."
    assert chat.page.url == f"{entrance}#kitchen"
    assert chat.page.inner_text("#sign-in-button") == "Sign in again"
    sign_in(chat)


HOSTILE = "<b>Call 555-0100</b>"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "temporarily_unavailable", "error_description": HOSTILE}, "has a problem"),
        ({"error": "invalid_scope", "error_description": HOSTILE}, "does not accept this page"),
        ({"error": HOSTILE, "error_uri": "https://evil.example"}, "reported an error"),
        ({"error": "__proto__"}, "reported an error"),
        ({"code": "x", "state": "other"}, "not one that this tab began"),
        ({"code": "x", "iss": "https://evil.example"}, "does not fit"),
        ({"code": "x", "iss": None}, "does not fit"),
        ({"error": "access_denied", "iss": "https://evil.example"}, "does not fit"),
    ],
)
def test_answer_of_the_issuer_is_checked(open_page, entrance, fake_chat, issuer, answer, text):
    issuer.faults["/authorize"].append(answer)
    chat = open_page(entrance, connected=False)
    chat.wait_for_state("Signed out")
    chat.page.click("#sign-in-button")
    chat.eventually(lambda: text in invitation(chat), True)
    assert "555-0100" not in chat.page.content() and "evil" not in chat.page.content()
    assert chat.page.url == f"{entrance}#lobby"
    assert issuer.parameters("/token") == [] and fake_chat.handshakes == []


def test_link_cannot_sign_a_person_in(open_page, entrance, issuer):
    chat = open_page(f"{entrance}?code=evil&state=x#lobby", connected=False)
    chat.wait_for_state("Signed out")
    assert "not one that this tab began" in invitation(chat)
    assert chat.page.url == f"{entrance}#lobby" and issuer.parameters("/token") == []


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_token_is_checked(open_page, entrance, fake_chat, issuer, claims):
    chat = open_page(entrance, connected=False)
    chat.wait_for_state("Signed out")
    mint = issuer.mint
    issuer.mint = lambda key, **given: mint(key, **{**given, **claims})
    sign_in(chat, connected=False)
    chat.eventually(lambda: invitation(chat), "The sign-in service's answer does not fit this sign-in.")
    assert fake_chat.handshakes == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((400, {"error": "invalid_grant", "error_description": HOSTILE}), "Your sign-in has expired."),
        ((401, {"error": "invalid_client"}), "does not accept this page"),
        ((403, {"error": HOSTILE}), "reported an error"),
        ((200, {"id_token": "a.b.c"}), "does not fit"),
        ((200, {"id_token": 5}), "does not fit"),
        ((200, {}), "does not fit"),
        ((200, [1]), "does not fit"),
    ],
)
def test_answer_of_the_token_endpoint_is_checked(open_page, entrance, fake_chat, issuer, answer, text):
    issuer.faults["/token"].append(answer)
    chat = open_page(entrance, connected=False)
    sign_in(chat, connected=False)
    chat.eventually(lambda: text in invitation(chat), True)
    assert "555-0100" not in chat.page.content() and fake_chat.handshakes == []


def test_code_is_exchanged_once_the_token_endpoint_answers(open_page, entrance, issuer):
    issuer.faults["/token"] += [NO_ANSWER, (503, {}), (429, {"error": "slow_down"}), (502, b"<html>")]
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    assert len(issuer.parameters("/token")) == 5
    assert chat.notes == ["The sign-in service does not answer. The page keeps trying."]


# ------------------------------------------------------------------ Fresh tokens


def test_reconnecting_uses_a_token_until_it_expires_within_a_minute(open_signed_in, fake_chat, issuer):
    chat = open_signed_in()
    fake_chat.drop()
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    first, second = (query_of(path)["token"] for path in fake_chat.handshakes)
    assert first == second and len(issuer.parameters("/token")) == 1


def test_expiring_token_is_refreshed_before_each_connect(open_page, entrance, fake_chat, issuer):
    issuer.lifetime = 59
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    for count in (2, 3):
        fake_chat.drop()
        chat.eventually(lambda: len(fake_chat.handshakes), count)
        chat.wait_for_state("Connected")
    requests = issuer.parameters("/token")
    assert [request["grant_type"] for request in requests] == ["authorization_code", "refresh_token", "refresh_token"]
    # The issuer replaces the refresh token at each use.
    assert requests[1]["refresh_token"] != requests[2]["refresh_token"]
    chat.write("still Ann")
    chat.eventually(lambda: chat.own, ["still Ann"])


def test_token_that_expired_while_the_machine_slept_is_refreshed(open_signed_in, fake_chat, issuer):
    """The monotonic clock of some browsers stops meanwhile."""
    chat = open_signed_in()
    chat.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3600000; }")
    fake_chat.drop()
    chat.eventually(lambda: len(fake_chat.handshakes), 2)
    assert len(issuer.parameters("/token")) == 2


def test_silent_token_endpoint_is_no_sign_out(open_page, entrance, fake_chat, issuer):
    issuer.lifetime = 30
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    issuer.faults["/token"] += [NO_ANSWER, (500, b"")]
    fake_chat.drop()
    chat.write("meanwhile")
    chat.eventually(lambda: chat.own, ["meanwhile"])
    assert not issuer.faults["/token"] and chat.notes == []
    assert texts_of(fake_chat.received) == ["meanwhile"]


def test_another_persons_token_is_not_used(open_page, entrance, fake_chat, issuer):
    issuer.lifetime = 30
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    issuer.claims["ann"] = {"sub": "eve"}
    fake_chat.drop()
    chat.wait_for_state("Signed out")
    assert len(fake_chat.handshakes) == 1


@pytest.mark.parametrize("reason", ["no refresh token", "revoked", "no ID token"])
def test_expired_sign_in_is_explained_without_a_redirection(open_page, entrance, fake_chat, issuer, reason):
    issuer.lifetime = 30
    issuer.gives_refresh_tokens = reason != "no refresh token"
    issuer.refreshes_id_tokens = reason != "no ID token"
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    if reason == "revoked":
        issuer.revoke()
    fake_chat.drop()
    chat.wait_for_state("Signed out")
    assert invitation(chat) == "Your sign-in has expired."
    assert chat.page.inner_text("#sign-in-button") == "Sign in again"
    chat.page.wait_for_timeout(500)
    # One form, sent once.
    assert len(issuer.parameters("/authorize")) == 2 and len(fake_chat.handshakes) == 1
    sign_in(chat)
    assert len(fake_chat.handshakes) == 2


@pytest.mark.parametrize("user", ["ann", "ben"])
def test_unsent_messages_and_drafts_wait_for_the_same_person(open_page, entrance, fake_chat, issuer, user):
    issuer.lifetime = 30
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat, "ann")
    issuer.faults["/token"] += [NO_ANSWER] * 20
    fake_chat.drop()
    chat.write("one")
    chat.write("two")
    chat.page.fill("#message", "a draft")
    issuer.revoke()
    issuer.faults["/token"].clear()
    chat.wait_for_state("Signed out")
    assert invitation(chat).endswith("This tab keeps 2 unsent messages and your draft for you.")
    assert chat.waiting == ["one", "two"]
    assert "2 messages waiting until you sign in" in chat.page.inner_text("#delivery")
    chat.page.click("#sign-in-button")
    chat.page.get_by_role("button", name="Cancel").click()
    chat.wait_for_state("Signed out")
    assert invitation(chat).endswith("This tab keeps what you have not sent for you.")
    sign_in(chat, user)
    if user == "ann":
        chat.eventually(lambda: chat.own, ["one", "two"])
        assert chat.page.input_value("#message") == "a draft"
    else:
        chat.eventually(lambda: chat.notes[-1:], ["2 unsent messages of another person will not be sent."])
        assert chat.page.input_value("#message") == "" and chat.waiting == []
    assert texts_of(fake_chat.received) == (["one", "two"] if user == "ann" else [])
    assert "chat-unsent" not in traces(chat)


def test_forbidden_message_is_not_sent_after_another_sign_in(open_page, entrance, fake_chat, issuer):
    issuer.lifetime = 30
    chat = open_page(entrance, connected=False, before=quick)
    sign_in(chat)
    fake_chat.faults["send"].append("forbidden")
    chat.write("no")
    chat.eventually(lambda: chat.page.locator("#discard").is_visible(), True)
    issuer.revoke()
    fake_chat.drop()
    sign_in(chat)
    chat.write("yes")
    chat.eventually(lambda: chat.own, ["yes"])
    assert chat.waiting == ["no"] and chat.page.locator("#try-again").is_hidden()
    assert texts_of(fake_chat.received) == ["no", "yes"]


# ------------------------------------------------------------------ Signing out


def test_signing_out_ends_the_session_at_the_issuer_too(open_signed_in, entrance, fake_chat, issuer):
    chat = open_signed_in()
    chat.write("Bye")
    chat.eventually(lambda: chat.own, ["Bye"])
    chat.page.get_by_role("button", name="Sign out").click()
    chat.eventually(lambda: issuer.parameters("/logout") != [], True)
    [request] = issuer.parameters("/logout")
    assert request["id_token_hint"] == query_of(fake_chat.handshakes[0])["token"]
    assert request["post_logout_redirect_uri"] == entrance
    chat.wait_for_state("Signed out")
    assert invitation(chat) == "Sign in to enter this chat." and chat.messages == []
    assert chat.page.url == f"{entrance}#lobby"
    chat.eventually(lambda: fake_chat.members, [])


def test_signing_out_without_an_endpoint_forgets_everything(open_page, entrance, fake_chat, issuer):
    issuer.discovery = {"end_session_endpoint": None}
    chat = open_page(entrance, connected=False)
    sign_in(chat)
    fake_chat.keep("secret", deliver=True)
    chat.eventually(lambda: chat.messages, ["secret"])
    with chat.page.expect_navigation():
        chat.page.get_by_role("button", name="Sign out").click()
    chat.wait_for_state("Signed out")
    assert chat.messages == []
    assert invitation(chat) == "Sign in to enter this chat."


# ------------------------------------------------------------------ Refused connections


def test_refused_connection_is_explained_once_and_retried(open_signed_in, fake_chat):
    fake_chat.closed_rooms = {"secret"}
    chat = open_signed_in()
    change(chat, room="secret")
    chat.eventually(lambda: len(fake_chat.handshakes), lambda count: count >= 5)
    chat.eventually(lambda: len(chat.notes), 1)
    assert "your account may not enter this room" in chat.notes[0]
    change(chat, room="lobby")
    chat.wait_for_state("Connected")


def test_refused_connection_without_signing_in_shows_no_hint(open_page, fake_chat, page_for):
    fake_chat.refusal = (403, "no")
    chat = open_page(page_for(fake_chat.url), connected=False, before=quick)
    chat.eventually(lambda: len(fake_chat.handshakes), lambda count: count >= 5)
    assert chat.notes == []


# ------------------------------------------------------------------ Settings


def test_configured_endpoints_need_no_discovery(open_page, entrance, page_server, fake_chat, issuer):
    endpoints = {"authorizationEndpoint": f"{issuer.url}/authorize?x=1", "tokenEndpoint": f"{issuer.url}/token"}
    configure(page_server, fake_chat, issuer, scope="openid offline_access", **endpoints)
    chat = open_page(entrance, connected=False)
    sign_in(chat)
    assert "/.well-known/openid-configuration" not in [path for _, path, _ in issuer.requests]
    request, _ = issuer.parameters("/authorize")
    assert request["x"] == "1" and request["scope"] == "openid offline_access"


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": "http://issuer.example"},
        {"issuer": "https://user@issuer.example"},
        {"issuer": "https://issuer.example/?x"},
        {"issuer": "https://a;script-src *"},
        {"issuer": "javascript:alert(1)"},
        {"issuer": None},
        {"clientId": None},
        {"clientId": ""},
        {"scope": "profile"},
        {"scope": 5},
        {"tokenEndpoint": "https://issuer.example/token"},
        {"authorizationEndpoint": "https://issuer.example/a", "tokenEndpoint": "http://issuer.example/token"},
    ],
    ids=str,
)
def test_malformed_settings_are_reported(open_page, entrance, page_server, fake_chat, issuer, fields):
    configure(page_server, fake_chat, issuer, **fields)
    chat = open_page(entrance, connected=False)
    chat.eventually(lambda: chat.state, "No server")
    chat.eventually(lambda: len(chat.notes), 1)
    assert chat.notes[0].startswith("signIn in config.json must be")
    assert issuer.requests == [] and fake_chat.handshakes == []


@pytest.mark.parametrize(
    ("discovery", "text"),
    [
        ({"issuer": "https://other.example"}, "not the issuer in config.json"),
        ({"issuer": None}, "not the issuer in config.json"),
        ({"token_endpoint": "http://issuer.example/token"}, "no usable endpoints"),
        ({"authorization_endpoint": None}, "no usable endpoints"),
    ],
)
def test_unusable_discovery_document_is_reported(open_page, entrance, fake_chat, issuer, discovery, text):
    issuer.discovery = discovery
    chat = open_page(entrance, connected=False)
    chat.eventually(lambda: len(chat.notes), 1)
    assert chat.state == "No server" and text in chat.notes[0] and fake_chat.handshakes == []


def test_discovery_that_failed_is_repeated_by_start(open_page, entrance, issuer):
    issuer.faults["/.well-known/openid-configuration"] += [(500, {}), NO_ANSWER]
    chat = open_page(entrance, connected=False)
    chat.eventually(lambda: len(chat.notes), 1)
    assert chat.state == "No server" and "HTTP 500" in chat.notes[0]
    chat.page.get_by_role("button", name="Start").click()
    chat.eventually(lambda: len(chat.notes), 2)
    chat.page.get_by_role("button", name="Start").click()
    sign_in(chat)
