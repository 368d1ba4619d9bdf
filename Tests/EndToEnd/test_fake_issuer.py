"""The fake issuer's tokens and endpoints are those of the specifications: a check of what other tests rely on."""

import base64
import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from signing_keys import SigningKey, base64url

VERIFIER = "v" * 43
REQUEST = {
    "response_type": "code",
    "client_id": "chat",
    "redirect_uri": "http://127.0.0.1:9/page",
    "scope": "openid",
    "state": "s",
    "nonce": "n",
    "code_challenge": base64url(hashlib.sha256(VERIFIER.encode()).digest()),
    "code_challenge_method": "S256",
}


def fetch(url, form=None):
    """Returns the status and the value of an answer in JSON."""
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.urlopen(url, data, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def integer(text):
    return int.from_bytes(decode(text), "big")


def is_valid(token, jwk):
    """Verifies a token with a JSON Web Key alone. Raises InvalidSignature."""
    signed, _, signature = token.rpartition(".")
    signature = decode(signature)
    if jwk["kty"] == "RSA":
        key = rsa.RSAPublicNumbers(integer(jwk["e"]), integer(jwk["n"])).public_key()
        key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif jwk["kty"] == "EC":
        key = ec.EllipticCurvePublicNumbers(integer(jwk["x"]), integer(jwk["y"]), ec.SECP256R1()).public_key()
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"])).verify(signature, signed.encode())
    return True


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_tokens_verify_with_the_published_keys(issuer, alg):
    _, discovery = fetch(f"{issuer.url}/.well-known/openid-configuration")
    assert discovery["issuer"] == issuer.url
    _, jwks = fetch(discovery["jwks_uri"])
    [jwk] = [jwk for jwk in jwks["keys"] if jwk["alg"] == alg]
    for _ in range(20):  # numbers with leading zeros are rare
        token = issuer.mint(alg, name="Ann", iat=None)
        assert is_valid(token, jwk)
    header, claims = (json.loads(decode(part)) for part in token.split(".")[:2])
    assert header == {"alg": alg, "kid": jwk["kid"], "typ": "JWT"}
    assert claims.keys() == {"iss", "aud", "sub", "exp", "name"}


def test_tokens_of_other_keys_and_headers_are_minted_as_given(issuer):
    key = SigningKey.new("RS256", kid="RS256")
    token = issuer.mint(key, header={"alg": "none", "typ": None}, sub="eve")
    assert json.loads(decode(token.split(".")[0])) == {"alg": "none", "kid": "RS256", "typ": None}
    assert issuer.verify(issuer.mint(exp=1)) is None


def authorize(issuer, **changes):
    """Returns the parameters of the redirection after a person signed in."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    form = urllib.parse.urlencode({**REQUEST, "user": "ann", "decision": "allow", **changes}).encode()
    with pytest.raises(urllib.error.HTTPError) as redirection:
        urllib.request.build_opener(Stay).open(f"{issuer.url}/authorize", form)
    location = urllib.parse.urlsplit(redirection.value.headers["Location"])
    return dict(urllib.parse.parse_qsl(location.query))


def exchange(issuer, code, **changes):
    form = {"grant_type": "authorization_code", "client_id": "chat", "code": code, "code_verifier": VERIFIER}
    return fetch(f"{issuer.url}/token", {**form, "redirect_uri": REQUEST["redirect_uri"], **changes})


def test_code_is_valid_once_and_needs_its_verifier(issuer):
    answer = authorize(issuer)
    assert (answer["state"], answer["iss"]) == ("s", issuer.url)
    status, tokens = exchange(issuer, answer["code"])
    assert status == 200
    assert issuer.verify(tokens["id_token"])["nonce"] == "n"
    assert exchange(issuer, answer["code"]) == (400, {"error": "invalid_grant"})
    for changes in ({"code_verifier": "w" * 43}, {"redirect_uri": "http://127.0.0.1:9/"}):
        assert exchange(issuer, authorize(issuer)["code"], **changes) == (400, {"error": "invalid_grant"})
    assert exchange(issuer, authorize(issuer)["code"], client_id="other")[0] == 401
    assert authorize(issuer, decision="deny")["error"] == "access_denied"


def test_refresh_token_is_valid_once(issuer):
    _, tokens = exchange(issuer, authorize(issuer)["code"])
    form = {"grant_type": "refresh_token", "client_id": "chat", "refresh_token": tokens["refresh_token"]}
    status, refreshed = fetch(f"{issuer.url}/token", form)
    assert status == 200 and refreshed["refresh_token"] != tokens["refresh_token"]
    assert "nonce" not in issuer.verify(refreshed["id_token"])
    assert fetch(f"{issuer.url}/token", form) == (400, {"error": "invalid_grant"})
