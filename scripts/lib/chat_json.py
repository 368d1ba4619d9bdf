"""Splits JSON into the raw texts of its parts, so that values keep their bytes.

Not recursive, unlike `json.loads`: one deeply nested message must not make a page of history unreadable.
"""

import json
import re

# A string, a bracket or a separator, or a number or word.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)


def parts(text, opening):
    """Yields lists of (start, end) of the top-level tokens between the commas of an object or an array.

    A nested object or array counts as one token. The text must be valid JSON. Raises ValueError unless it starts with
    `opening`.
    """
    depth = 0
    part = []
    for token in TOKEN.finditer(text):
        character = text[token.start()]
        if depth == 0 and character != opening:
            raise ValueError(f"JSON that does not start with {opening}")
        if character in "]}":
            depth -= 1
            if depth == 0:
                break
            if depth == 1:
                part[-1] = (part[-1][0], token.end())
        elif depth == 1 and character == ",":
            if not part:
                raise ValueError("a comma without a value before it")
            yield part
            part = []
        elif depth == 1:
            part.append(token.span())
        if character in "[{":
            depth += 1
    if part:
        yield part


def members(text):
    """Returns the raw text of each member of a JSON object by name; of repeated names, the last."""
    found = {}
    for part in parts(text, "{"):
        (start, end), (value, value_end) = part[0], part[-1]
        found[json.loads(text[start:end])] = text[value:value_end]
    return found


def elements(text):
    """Returns the raw text of each element of a JSON array."""
    return [text[part[0][0] : part[-1][1]] for part in parts(text, "[")]
