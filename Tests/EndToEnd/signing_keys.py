"""Private keys that sign JSON Web Tokens (RFC 7519), and their public halves as JSON Web Keys (RFC 7517)."""

import base64
import json
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value, size=None):
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass
class SigningKey:
    """A private key. `alg` is RS256, ES256 or EdDSA."""

    alg: str
    kid: str
    private: object

    @classmethod
    def new(cls, alg, kid=None):
        generate = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        return cls(alg, kid or f"{alg}-{secrets.token_hex(4)}", generate[alg]())

    @property
    def jwk(self):
        """The public key as a JSON Web Key (RFC 7517)."""
        common = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        public = self.private.public_key()
        if self.alg == "EdDSA":
            return {**common, "kty": "OKP", "crv": "Ed25519", "x": base64url(public.public_bytes_raw())}
        numbers = public.public_numbers()
        if self.alg == "ES256":
            return {**common, "kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        return {**common, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def sign(self, data):
        if self.alg == "EdDSA":
            return self.private.sign(data)
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims, **header):
        """Returns a JSON Web Token with exactly these claims. `header` replaces fields of its header."""
        head = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{base64url(self.sign(signed.encode()))}"
