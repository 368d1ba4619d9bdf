"""The secret key of a person, in a file that only its owner can read."""

import os
import re
import secrets
import stat
from pathlib import Path
from urllib.parse import urlsplit

KEY = re.compile(r"[!-~]{1,128}")
FOLDER = "swift-lambda-chat"


class UnusableKey(Exception):
    """The key file cannot be used."""


def new_key():
    """Returns a key of 256 random bits."""
    return secrets.token_urlsafe(32)


def default_file(url):
    """Returns the key file for a server. One for each, so that no server learns the key of another."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification of XDG says to ignore relative paths.
    base = Path(folder) if os.path.isabs(folder) else Path.home() / ".config"
    return base / FOLDER / f"{urlsplit(url).netloc.lower()}.key"


def read_or_create(file):
    """Returns the key in a file, which is created if it does not exist."""
    try:
        return read(file)
    except FileNotFoundError:
        create(file)
        return read(file)


def read(file):
    with file.open(encoding="ascii", errors="replace") as opened:
        mode = os.fstat(opened.fileno()).st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            raise UnusableKey(f"other users can read the key in {file}; run: chmod 600 {file}")
        # One character more than the longest key and a line break.
        key = opened.read(130).removesuffix("\n")
    if not KEY.fullmatch(key):
        raise UnusableKey(f"{file} must contain 1 to 128 printable ASCII characters without space, on one line")
    return key


def create(file):
    """Writes a key with mode 600. Of several processes at once, one succeeds, and the others keep its key."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w") as opened:
            opened.write(new_key() + "\n")
            opened.flush()
            os.fsync(descriptor)
        # Unlike a rename, it fails if the file exists, which then has the other process's key.
        try:
            os.link(temporary, file)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
