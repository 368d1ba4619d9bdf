#!/usr/bin/env python3
"""Writes requests signed by botocore, as test vectors: see --help."""

import argparse
import base64
import datetime
import json
import random
import secrets
from unittest import mock
from urllib.parse import quote

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICES = ["execute-api", "dynamodb", "service", "iam"]
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
# Letters, reserved and unreserved characters, white space, control characters, and characters of 2, 3 and 4 bytes in UTF-8.
TEXT = "abcXYZ019-._~!$&'()*+,;=:@/?#[]%\"<>\\^`{|} \t\n\x00\x7fé\u00a0ßЖ中\u2028🎉👩\u200d🚀"
# Characters that a path may contain unencoded (RFC 3986, section 3.3).
IN_PATH = "!$&'()*+,;=:@~"
# Only space and tab: Python also collapses other white space, AWS does not, and header fields may not contain it.
IN_HEADER = "abc XYZ\t 019  -._~!$&'()*+,;=:@/?#[]%\"<>\\^`{|}é中🎉"
HEADER_NAMES = ["Content-Type", "X-Amz-Target", "x-amz-meta-a", "X-Custom", "ACCEPT", "x-b", "Range", "If-Match"]
UNSIGNED = ["User-Agent", "Connection", "X-Amzn-Trace-Id", "TE", "Expect", "Keep-Alive"]


def text(rng, alphabet, longest):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def encoded(rng, word, safe):
    """Percent-encodes a word: a random part of the safe characters stays unencoded, and hex digits have either case."""
    escaped = quote(word, safe="".join(character for character in safe if rng.random() < 0.5))
    if rng.random() < 0.7:
        return escaped
    first, *rest = escaped.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def path(rng):
    segments = []
    for _ in range(rng.randint(0, 5)):
        kind = rng.random()
        if kind < 0.08:
            segments.append("")
        elif kind < 0.16:
            segments.append(rng.choice([".", ".."]))
        elif kind < 0.3:
            segments.append("@connections")
        else:
            segments.append(encoded(rng, text(rng, TEXT, 12), IN_PATH))
    return "/" + "/".join(segments) + ("/" if rng.random() < 0.2 and segments else "")


def query(rng):
    """Returns a query string in canonical encoding, which botocore expects in a URL."""
    names = [text(rng, TEXT, 6) or "a" for _ in range(3)]
    parameters = []
    for _ in range(rng.choice([0, 0, 1, 2, 6])):
        name = quote(rng.choice(names), safe="-._~")
        parameters.append(name if rng.random() < 0.1 else f"{name}={quote(text(rng, TEXT, 8), safe='-._~')}")
    return "?" + "&".join(parameters) if parameters else ""


def url(rng):
    host = rng.choice(["example.amazonaws.com", "abc123.execute-api.us-east-1.amazonaws.com", "127.0.0.1", "[::1]"])
    port = rng.choice(["", "", ":443", ":80", ":8443", ":4566"])
    return f"{rng.choice(['https', 'http'])}://{host}{port}{path(rng)}{query(rng)}"


def headers(rng):
    fields = []
    for _ in range(rng.choice([0, 1, 2, 5])):
        name = rng.choice(HEADER_NAMES)
        name = rng.choice([name, name.lower(), name.upper()])
        fields.append([name, text(rng, IN_HEADER, 20)])
    if rng.random() < 0.2:
        fields.append([rng.choice(UNSIGNED), "anything"])
    if rng.random() < 0.05:
        # Fields of an earlier signature, which the signer must replace.
        fields += [["X-Amz-Date", "20010101T000000Z"], ["Authorization", "AWS4-HMAC-SHA256 old"]]
    return fields


def body(rng):
    return rng.choice([b"", b"{}", b"hello", rng.randbytes(rng.randint(1, 300)), "é🎉".encode()])


def vector(seed):
    rng = random.Random(seed)
    date = datetime.datetime.fromtimestamp(rng.randint(946_684_800, 4_102_444_800), datetime.timezone.utc)
    keys = Credentials(
        access_key="AKID" + "".join(rng.choice("ABCDEFGHIJ234567") for _ in range(16)),
        secret_key="".join(rng.choice("abcdefXYZ0189+/") for _ in range(40)),
        token=rng.choice([None, base64.b64encode(rng.randbytes(60)).decode()]),
    )
    request = AWSRequest(method=rng.choice(METHODS), url=url(rng), data=body(rng))
    fields = headers(rng)
    for name, value in fields:
        request.headers.add_header(name, value)
    signer = auth.SigV4Auth(keys, rng.choice(SERVICES), rng.choice(REGIONS))
    with mock.patch.object(auth, "get_current_datetime", lambda: date):
        signer.add_auth(request)
    authorization = request.headers["Authorization"]
    # The canonical request does not include the signature.
    del request.headers["Authorization"]
    return {
        "seed": seed,
        "method": request.method,
        "url": request.url,
        "headers": fields,
        "body": base64.b64encode(request.data).decode(),
        "date": int(date.timestamp()),
        "region": signer._region_name,
        "service": signer._service_name,
        "accessKeyID": keys.access_key,
        "secretAccessKey": keys.secret_key,
        "sessionToken": keys.token,
        "canonicalRequest": signer.canonical_request(request),
        "authorization": authorization,
    }


def main():
    parser = argparse.ArgumentParser(
        description="Writes requests, signed by botocore, as JSON lines. Tests/AWSTests compares the signer with the file "
        "that SIGNER_VECTORS names. Each request is determined by its seed."
    )
    parser.add_argument("--count", type=int, default=5000, help="the number of requests (5000)")
    parser.add_argument("--seed", help="prefix of each request's seed; the same prefix gives the same requests (random)")
    parser.add_argument("file", help="the file to write")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    with open(options.file, "w", encoding="utf-8") as file:
        for number in range(options.count):
            file.write(json.dumps(vector(f"{seed}-{number}")) + "\n")
    print(f"wrote {options.count} requests with seed {seed} to {options.file}")


if __name__ == "__main__":
    main()
