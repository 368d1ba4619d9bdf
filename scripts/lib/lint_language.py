#!/usr/bin/env python3
"""Reports words and sentence openings that this project avoids. `scripts/test lint` runs it.

The rules keep comments, messages and documentation plain: a reader who knows the field never reads a sentence twice.
They cover what a pattern can find; the rest is the reviewer's.
"""

import re
import subprocess
import sys
from pathlib import Path

# Each pattern with what to write instead.
WORDS = {
    r"anew": "again",
    r"beset": "name the load: retries, requests",
    r"by itself": "without help; automatically; or delete it",
    r"come[s]? to an end": "ends",
    r"courier[s]?": "worker",
    r"for ever": "indefinitely, or the limit",
    r"go(es|ne)? on": "continues",
    r"grave(r|st)?": "severity",
    r"how grave": "severity",
    r"how much of it": "name the quantity",
    r"in place of": "instead of",
    r"is made of": "contains; is built from",
    r"kept aside": "deferred, queued for a retry",
    r"mend(s|ed|ing)?": "fix, patch, correct",
    r"nobody": "name who: no caller, no connection",
    r"of one['’]s own": "your own",
    r"stand(s|ing)? in": "is in",
    r"the one that": "name the noun",
    r"under way": "in flight, pending, running",
    r"what is missing": "name what is missing, as the object of the sentence",
    r"whatever": "name the cases",
}
# How a doc comment must not begin: a noun phrase or a verb in the third person says what the symbol is or does.
OPENINGS = ("Makes a", "What ", "How ", "Whether there is", "The one that", "Tells what", "Tells how")

SKIPPED = {"LICENSE", "scripts/lib/lint_language.py"}
SKIPPED_SUFFIXES = {".png", ".json", ".jsonl", ".txt", ".lock"}


def tracked_files():
    """Yields the repository's text files that people read."""
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if name not in SKIPPED and Path(name).suffix not in SKIPPED_SUFFIXES and Path(name).is_file():
            yield name


def findings(name):
    """Yields each finding of a file as one line for a person."""
    words = re.compile("|".join(rf"(?P<w{i}>\b(?:{word})\b)" for i, word in enumerate(WORDS)), re.IGNORECASE)
    advice = list(WORDS.values())
    in_doc_comment = False
    for number, line in enumerate(Path(name).read_text(encoding="utf-8").splitlines(), start=1):
        for match in words.finditer(line):
            index = int(match.lastgroup[1:])
            yield f"{name}:{number}: “{match.group()}”: write {advice[index]}"
        text = line.strip()
        is_doc_comment = text.startswith("///")
        if is_doc_comment and not in_doc_comment:
            sentence = text.removeprefix("///").strip()
            for opening in OPENINGS:
                if sentence.startswith(opening):
                    yield f"{name}:{number}: a doc comment begins with a noun or a verb, not “{opening.strip()}”"
        in_doc_comment = is_doc_comment


def main():
    found = [finding for name in tracked_files() for finding in findings(name)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(f"lint: {len(found)} findings; see STYLE in CONTRIBUTING.md" if found else 0)


if __name__ == "__main__":
    main()
