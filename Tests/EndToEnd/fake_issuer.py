"""A small OpenID Connect provider on loopback, with faults on demand, for tests of signing in.

    with FakeIssuer() as issuer:
        token = issuer.mint(sub="ann", name="Ann")               # signed with RS256
        token = issuer.mint("ES256", sub="ann", exp=1)           # any published key, any claim; None leaves a claim out
        token = issuer.mint(SigningKey.new("RS256"), sub="ann")  # a key that is not in the JWK Set

It implements the authorization code flow with PKCE for public clients (RFC 7636), refresh tokens that are replaced at
each use (RFC 9700), and logout. Its signatures are real, so that the chat's function can verify them.
"""

import base64
import collections
import hashlib
import html
import json
import secrets
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from servers import Server
from signing_keys import SigningKey, base64url

# An answer of `FakeIssuer.faults`: the connection ends without a response.
NO_ANSWER = object()

FORM = """<!doctype html><html lang="en"><title>Fake issuer</title><form method="post">
<label>User <input name="user" autofocus></label>
<button name="decision" value="allow">Sign in</button> <button name="decision" value="deny">Cancel</button>
{hidden}</form></html>"""
HIDDEN = '<input type="hidden" name="{}" value="{}">'


class FakeIssuer(Server):
    """The provider, a context manager. Tests may change its settings at any time.

    `requests` are the method, path without query and parameters of each request, in order.
    """

    def __init__(self, client_id="chat", port=0, certificate=None, host="127.0.0.1"):
        super().__init__((host, port), self._respond, certificate)
        self.url = f"{'https' if certificate else 'http'}://{host}:{self.server_port}"
        self.client_id = client_id
        self.lock = threading.RLock()
        self.requests = []
        # The published keys, by any name; at first one for each algorithm.
        self.keys = {alg: SigningKey.new(alg, kid=alg) for alg in ("RS256", "ES256", "EdDSA")}
        # Claims of the tokens of a user, in addition to the default ones.
        self.claims = collections.defaultdict(dict)
        self.lifetime = 3600  # seconds of an ID token
        self.signs_with = "RS256"
        self.gives_refresh_tokens = True
        self.refreshes_id_tokens = True  # OpenID Connect allows a refresh without a new ID token
        self.sends_iss = True  # RFC 9207
        self.discovery = {}  # replaces fields of the discovery document; None leaves a field out
        # The next answers, by path: a status and a value for JSON, or NO_ANSWER. An authorization request is answered
        # with the parameters of a redirection instead, such as {"error": "access_denied"}.
        self.faults = collections.defaultdict(collections.deque)
        self._codes = {}
        self._refresh_tokens = {}

    def mint(self, key="RS256", /, header=None, **claims):
        """Returns an ID token. `key`: the name of a published key, or a SigningKey. A claim of None is left out."""
        now = int(time.time())
        basic = {"iss": self.url, "aud": self.client_id, "sub": "ann", "iat": now, "exp": now + self.lifetime}
        given = {name: value for name, value in {**basic, **claims}.items() if value is not None}
        signing_key = key if isinstance(key, SigningKey) else self.keys[key]
        return signing_key.token(given, **(header or {}))

    def verify(self, token):
        """Returns the claims of an ID token of this issuer, or None. Checks the time, and not the signature."""
        try:
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (AttributeError, IndexError, ValueError):
            return None
        is_valid = claims["iss"] == self.url and claims["aud"] == self.client_id and claims["exp"] > time.time()
        return claims if is_valid else None

    def revoke(self):
        """Makes all refresh tokens invalid."""
        with self.lock:
            self._refresh_tokens.clear()

    def parameters(self, path):
        """Returns the parameters of all requests of a path, in order."""
        with self.lock:
            return [parameters for _, requested, parameters in self.requests if requested == path]

    def _respond(self, method, target, _, body):
        parts = urlsplit(target)
        given = parse_qs(parts.query) | parse_qs(body.decode())
        answer = self._answer(method, parts.path, {name: values[0] for name, values in given.items()})
        if answer is NO_ANSWER:
            return None
        status, headers, content = answer
        common = {
            # Pages of any origin are clients.
            "Access-Control-Allow-Origin": "*",
            # Chromium repeats a request that had no answer on a connection that it used before.
            "Connection": "close",
            "Content-Type": "application/json",
        }
        return status, {**common, **headers}, content if isinstance(content, bytes) else json.dumps(content).encode()

    # Endpoints. Each returns a status, headers and a body: bytes, or a value for JSON.

    def _answer(self, method, path, parameters):
        with self.lock:
            self.requests.append((method, path, parameters))
            fault = self.faults[path].popleft() if self.faults[path] else None
            if fault and path == "/authorize":
                return self._return_to(parameters, fault)
            if fault:
                return fault if fault is NO_ANSWER else (fault[0], {}, fault[1])
            endpoint = {
                ("GET", "/.well-known/openid-configuration"): self._discovery,
                ("GET", "/jwks"): lambda _: (200, {}, {"keys": [key.jwk for key in self.keys.values()]}),
                ("GET", "/authorize"): self._form,
                ("POST", "/authorize"): self._decision,
                ("POST", "/token"): self._token,
                ("GET", "/logout"): self._logout,
            }.get((method, path))
            return endpoint(parameters) if endpoint else (404, {}, b"Not found")

    def _discovery(self, _):
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/logout",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.sends_iss,
            **self.discovery,
        }
        return 200, {}, {name: value for name, value in document.items() if value is not None}

    def _form(self, request):
        required = {"response_type": "code", "client_id": self.client_id, "code_challenge_method": "S256"}
        wrong = [name for name, value in required.items() if request.get(name) != value]
        wrong += [name for name in ("redirect_uri", "state", "nonce", "code_challenge") if not request.get(name)]
        wrong += [] if "openid" in request.get("scope", "").split() else ["scope"]
        if wrong:
            return 400, {}, f"Wrong or missing: {', '.join(wrong)}".encode()
        hidden = "".join(HIDDEN.format(*map(html.escape, field)) for field in request.items())
        return 200, {"Content-Type": "text/html; charset=utf-8"}, FORM.format(hidden=hidden).encode()

    def _decision(self, request):
        if request.get("decision") == "deny":
            return self._return_to(request, {"error": "access_denied", "error_description": "The user refused."})
        code = secrets.token_urlsafe(16)
        self._codes[code] = request
        return self._return_to(request, {"code": code})

    def _return_to(self, request, parameters):
        given = {"state": request.get("state"), "iss": self.url if self.sends_iss else None, **parameters}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return 303, {"Location": f"{request['redirect_uri']}?{query}"}, b""

    def _token(self, form):
        if form.get("client_id") != self.client_id:
            return 401, {}, {"error": "invalid_client"}
        if form.get("grant_type") == "refresh_token":
            # A refresh token is used once.
            user = self._refresh_tokens.pop(form.get("refresh_token"), None)
            return self._tokens(user, self.refreshes_id_tokens) if user else (400, {}, {"error": "invalid_grant"})
        request = self._codes.pop(form.get("code"), None)
        challenge = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            form.get("grant_type") != "authorization_code"
            or not request
            or request["code_challenge"] != challenge
            or request["redirect_uri"] != form.get("redirect_uri")
        ):
            return 400, {}, {"error": "invalid_grant"}
        return self._tokens(request["user"], True, nonce=request["nonce"])

    def _tokens(self, user, has_id_token, **claims):
        response = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": self.lifetime}
        if has_id_token:
            person = {"sub": user, "name": user.title(), **self.claims[user]}
            response["id_token"] = self.mint(self.signs_with, **{**person, **claims})
        if self.gives_refresh_tokens:
            response["refresh_token"] = secrets.token_urlsafe(16)
            self._refresh_tokens[response["refresh_token"]] = user
        return 200, {"Cache-Control": "no-store"}, response

    def _logout(self, request):
        if not (target := request.get("post_logout_redirect_uri")):
            return 200, {"Content-Type": "text/plain"}, b"Signed out."
        return 303, {"Location": target}, b""


@pytest.fixture
def issuer():
    """An OpenID Connect provider on loopback."""
    with FakeIssuer() as running:
        yield running
