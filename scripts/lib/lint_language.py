#!/usr/bin/env python3
"""Reports words and doc comment openings that this project avoids. `scripts/test lint` runs it.

Comments, messages and documentation are plain technical English: a reader who knows the field never reads a sentence
twice. A reviewer checks the rules that no pattern can.
"""

import re
import subprocess
import sys
from pathlib import Path

# Patterns, each with advice on what to write instead.
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
# Openings that a doc comment must not have: it starts with a noun phrase or a third-person verb.
OPENINGS = ("Makes a", "What ", "How ", "Whether there is", "The one that", "Tells what", "Tells how")

SKIPPED = {"LICENSE", "scripts/lib/lint_language.py"}
SKIPPED_SUFFIXES = {".png", ".json", ".jsonl", ".txt", ".lock"}


def tracked_files():
    """Yields the names of the tracked text files that people read."""
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if name not in SKIPPED and Path(name).suffix not in SKIPPED_SUFFIXES and Path(name).is_file():
            yield name


def findings(name):
    """Yields each finding in a file, as one line of text."""
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
    sys.exit(f"lint_language: {len(found)} findings; rewrite each as advised" if found else 0)


if __name__ == "__main__":
    main()
