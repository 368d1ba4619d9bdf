"""Sign-in with the packaged zip behind the local API Gateway: tokens of a Cognito user pool, and of an issuer of the tests."""

import base64
import json
import time
import urllib.error
import urllib.request

import pytest
from chat_client import ChatClient, address
from chat_support import unique
from conftest import running_stack
from fake_issuer import FakeIssuer, SigningKey, base64url
from servers import Server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.builds("default", "lean")

PAGE = "https://chat.example.com"
PASSWORD = "Secret-password-1"


@pytest.fixture(scope="module")
def issuer():
    with FakeIssuer() as running:
        yield running


def empty_page(*_):
    return 200, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><title>Page</title>"


@pytest.fixture(scope="module")
def page():
    """The server of a page whose origin is allowed."""
    with Server(("127.0.0.1", 0), empty_page) as server:
        yield server


def origin_of(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def stack(code, issuer, page, tmp_path_factory):
    """A chat with sign-in and all limits."""
    parameters = {
        "TokenIssuer": issuer.url,
        "TokenAudience": "chat,other",
        "RoomsClaim": "rooms",
        "AllowedOrigins": f"{PAGE},{origin_of(page)}",
        "ConnectionsPerUser": "3",
    }
    given = [option for pair in parameters.items() for option in ("--parameter", "=".join(pair))]
    with running_stack(tmp_path_factory.mktemp("dev"), "--zip", code, *given) as stack:
        yield stack


def handshake(stack, query, origin=None):
    """Returns the status of a handshake; 101 for an open connection, which is closed."""
    try:
        with connect(address(stack.websocket_url, **query), origin=origin, proxy=None):
            return 101
    except InvalidStatus as error:
        # The local AWS answers every refusal with 403.
        return error.response.status_code


def expect_reason(stack, text):
    """Waits for the reason of a refusal in the function's log."""
    stack.wait_for_output(rf"The handshake was refused\..*reason=[^\n]*{text}")


@pytest.mark.parametrize("key", ["RS256", "ES256", "EdDSA"])
def test_a_token_says_who_a_person_is(stack, issuer, key):
    user = unique("user")
    token = issuer.mint(key, sub=user, name="Ann Lee", aud=["x", "chat"])
    room = unique("room")
    with ChatClient(stack.websocket_url, room, "Eve", "secret", token=token) as ann:
        assert ann.enter()["you"] == {"id": user, "name": "Ann Lee"}
        ann.send("Hello")
        assert ann.next("message")["from"] == {"id": user, "name": "Ann Lee"}
    assert token not in stack.output()


def altered(token, part, change):
    """Returns a token whose header (0) or payload (1) is changed, with the old signature."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = base64url(json.dumps({**content, **change}).encode())
    return ".".join(parts)


def wrong_tokens(issuer):
    token = issuer.mint(name="Ann")
    now = int(time.time())
    foreign = SigningKey.new("RS256")
    return {
        "none": None,
        "not a token": "x",
        "alg none": altered(token, 0, {"alg": "none"}).rsplit(".", 1)[0] + ".",
        "alg HS256": altered(token, 0, {"alg": "HS256"}),
        "alg of another key": altered(token, 0, {"alg": "ES256"}),
        "crit": altered(token, 0, {"crit": ["x"]}),
        "another person": altered(token, 1, {"sub": "eve"}),
        "unknown key": issuer.mint(foreign),
        "foreign key of a known kid": issuer.mint(SigningKey("RS256", "RS256", foreign.private)),
        "iss": issuer.mint(iss="https://other.example"),
        "aud": issuer.mint(aud="web"),
        "no aud": issuer.mint(aud=None),
        "exp": issuer.mint(exp=now - 3600),
        "no exp": issuer.mint(exp=None),
        "nbf": issuer.mint(nbf=now + 3600),
        "token_use": issuer.mint(token_use="refresh"),
        "too large": issuer.mint(padding="x" * 8192),
    }


def test_every_other_token_is_refused(stack, issuer):
    for name, token in wrong_tokens(issuer).items():
        query = {} if token is None else {"token": token}
        assert handshake(stack, query) == 403, name
        text = stack.wait_for_output(r"The handshake was refused\..*reason=")
        assert token is None or len(token) < 9 or token[:40] not in text, name
    assert handshake(stack, {"token": issuer.mint(exp=int(time.time()) - 30)}) == 101, "within a minute of leeway"


def test_a_new_key_is_fetched_and_the_issuer_may_be_down(stack, issuer):
    assert handshake(stack, {"token": issuer.mint()}) == 101
    issuer.keys["new"] = SigningKey.new("RS256")
    # The last fetch for an unknown key may have been less than a minute ago.
    deadline = time.monotonic() + 90
    while handshake(stack, {"token": issuer.mint("new")}) != 101:
        assert time.monotonic() < deadline
        time.sleep(2)
    issuer.faults["/jwks"].extend([(500, {})] * 20)
    assert handshake(stack, {"token": issuer.mint("new")}) == 101
    assert handshake(stack, {"token": issuer.mint(SigningKey.new("RS256"))}) == 403
    issuer.faults["/jwks"].clear()


def test_the_claim_of_rooms_decides_who_enters_and_who_writes(stack, issuer):
    room = unique("hall")
    writer = issuer.mint(sub=unique("w"), rooms=["hall-*"])
    reader = issuer.mint(sub=unique("r"), rooms="hall-*:read kitchen")
    assert handshake(stack, {"token": reader}) == 403
    expect_reason(stack, "the token does not allow the room")
    assert handshake(stack, {"token": reader, "room": "kitchen"}) == 101
    with (
        ChatClient(stack.websocket_url, room, token=writer) as ann,
        ChatClient(stack.websocket_url, room, token=reader) as bob,
    ):
        assert "access" not in ann.enter()
        assert bob.enter()["access"] == "read"
        bob.send("Hello", client_id="1")
        assert bob.error("forbidden")["clientId"] == "1"
        bob.send_text('{"text":"of no action"}')
        bob.error("forbidden")
        ann.send("Hello")
        assert bob.next("message")["message"] == "Hello"
        assert len(bob.history()["messages"]) == 1


def test_other_origins_are_refused_and_a_handshake_without_one_needs_a_token(stack, issuer):
    token = {"token": issuer.mint()}
    assert handshake(stack, token, origin=PAGE) == 101
    assert handshake(stack, token) == 101
    for origin in ("https://evil.example", "null", f"{PAGE}.evil.example", "http://chat.example.com"):
        assert handshake(stack, token, origin=origin) == 403, origin
        expect_reason(stack, "origin")


CONNECT = """url => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
})"""


def test_a_page_of_another_origin_cannot_connect_in_a_visitors_browser(browser, stack, issuer, page):
    """Cross-site WebSocket hijacking, in Chromium; the page even has the visitor's token."""
    url = address(stack.websocket_url, token=issuer.mint())
    with Server(("127.0.0.1", 0), empty_page) as foreign:
        for server, expected in ((page, "open"), (foreign, "refused")):
            tab = browser.new_page()
            tab.goto(origin_of(server))
            assert tab.evaluate(CONNECT, url) == expected
            tab.close()


def test_a_person_has_so_many_connections(stack, issuer):
    token = issuer.mint(sub=unique("user"))
    clients = [ChatClient(stack.websocket_url, f"room-{number}", token=token) for number in range(3)]
    assert handshake(stack, {"token": token}) == 403
    expect_reason(stack, "3 connections")
    assert handshake(stack, {"token": issuer.mint(sub=unique("user"))}) == 101
    clients.pop().connection.close()
    deadline = time.monotonic() + 10
    while handshake(stack, {"token": token}) != 101:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for client in clients:
        client.connection.close()


class NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture(scope="module")
def user_pool_domain(pool):
    """The domain of the user pool, where people sign in: forwards to the local AWS, which refuses web pages."""
    stack, *_ = pool
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirection)

    def forward(method, path, headers, body):
        fields = {name: headers[name] for name in ("Content-Type", "Authorization") if name in headers}
        url = stack.environment["AWS_ENDPOINT_URL"] + path
        request = urllib.request.Request(url, body or None, fields, method=method)
        try:
            answer = opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            fields = {name: answer.headers[name] for name in ("Content-Type", "Location") if name in answer.headers}
            return answer.status, {**fields, "Access-Control-Allow-Origin": "*"}, answer.read()

    with Server(("127.0.0.1", 0), forward) as server:
        yield origin_of(server)


@pytest.fixture(scope="module")
def pool(code, tmp_path_factory):
    """A chat that signs in with a Cognito user pool in the same local AWS: its stack, the pool's id, and a client's id."""
    with running_stack(tmp_path_factory.mktemp("dev"), "--zip", code) as stack:
        cognito = stack.client("cognito-idp")
        pool = cognito.create_user_pool(PoolName="chat")["UserPool"]["Id"]
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="page", ExplicitAuthFlows=flows)
        client_id = client["UserPoolClient"]["ClientId"]
        attributes = [{"Name": "name", "Value": "Ann Lee"}]
        cognito.admin_create_user(UserPoolId=pool, Username="ann", UserAttributes=attributes)
        cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
        region, endpoint = stack.environment["AWS_REGION"], stack.environment["AWS_ENDPOINT_URL"]
        parameters = {
            "TokenIssuer": f"https://cognito-idp.{region}.amazonaws.com/{pool}",
            "TokenAudience": client_id,
            "TokenJWKS": f"{endpoint}/{pool}/.well-known/jwks.json",
        }
        stack.update(code, parameters)
        yield stack, pool, client_id


def test_tokens_of_a_cognito_user_pool(pool):
    stack, _, client_id = pool
    tokens = stack.client("cognito-idp").initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    claims = json.loads(base64.urlsafe_b64decode(tokens["IdToken"].split(".")[1] + "=="))
    with ChatClient(stack.websocket_url, unique("room"), token=tokens["IdToken"]) as ann:
        assert ann.enter()["you"] == {"id": claims["sub"], "name": "Ann Lee"}
    with ChatClient(stack.websocket_url, unique("room"), token=tokens["AccessToken"]) as ann:
        assert ann.enter()["you"] == {"id": claims["sub"], "name": "ann"}
    for token in (tokens["RefreshToken"], tokens["IdToken"][:-4] + "AAAA", altered(tokens["IdToken"], 1, {"sub": "eve"})):
        assert handshake(stack, {"token": token}) == 403
    assert handshake(stack, {}) == 403


def test_the_page_signs_in_with_a_cognito_user_pool(pool, user_pool_domain, page_server, open_page):
    stack, pool_id, client_id = pool
    stack.client("cognito-idp").update_user_pool_client(
        UserPoolId=pool_id,
        ClientId=client_id,
        CallbackURLs=[page_server.url],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "profile"],
        SupportedIdentityProviders=["COGNITO"],
    )
    settings = {
        "issuer": f"https://cognito-idp.{stack.environment['AWS_REGION']}.amazonaws.com/{pool_id}",
        "clientId": client_id,
        "authorizationEndpoint": f"{user_pool_domain}/oauth2/authorize",
        "tokenEndpoint": f"{user_pool_domain}/oauth2/token",
    }
    configuration = {"url": stack.websocket_url, "signIn": settings}
    page_server.configuration = (200, json.dumps(configuration).encode())

    chat = open_page(f"{page_server.url}#{unique('room')}", connected=False)
    chat.wait_for_state("Signed out")
    chat.page.click("#sign-in-button")
    chat.page.fill("[name=username]", "ann")
    chat.page.fill("[name=password]", PASSWORD)
    chat.page.locator("[type=submit]").click()
    chat.wait_for_state("Connected")
    assert chat.page.inner_text("#you") == "Ann Lee"
    chat.write("Hello")
    chat.eventually(lambda: chat.own, ["Hello"])
