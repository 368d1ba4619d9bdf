"""The token of a person who has signed in, in a file that another program keeps fresh."""

import re

# A JSON Web Token (RFC 7519), of up to as many characters as the chat accepts.
TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TOKEN_LIMIT = 8192


class UnusableToken(Exception):
    """The token file cannot be used. The text contains nothing of the file."""


def read(file):
    """Returns the token in a file, with or without a line break after it."""
    try:
        with file.open(encoding="ascii", errors="replace") as opened:
            token = opened.read(TOKEN_LIMIT + 2).strip()
    except OSError as error:
        raise UnusableToken(f"cannot read the token file: {error}") from error
    if len(token) > TOKEN_LIMIT or not TOKEN.fullmatch(token):
        raise UnusableToken(f"{file} must contain a JSON Web Token of up to {TOKEN_LIMIT} characters, and nothing else")
    return token
