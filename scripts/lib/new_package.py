"""Writes a new Swift package with a Lambda function, for scripts/new."""

import os
import re
import shlex
import string
from pathlib import Path

from swift_package import NAME as DEPENDENCY
from swift_package import ROOT

# As in Lambda.
NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_-]{1,64}", re.ASCII)
TEMPLATES = ROOT / "scripts/lib/new_package"


class Refused(Exception):
    """The package cannot be written, and why."""


def write_package(directory, name=None):
    """Writes a package and returns its files. Raises Refused, before it writes anything."""
    directory = Path(os.path.realpath(directory))
    name = name or directory.name
    if not NAME.fullmatch(name) or name.startswith("-"):
        raise Refused(
            f"{name!r} is not the name of a function: pass a NAME of 1 to 64 letters, digits, hyphens and underscores"
        )
    # SwiftPM identifies a package in a folder by the folder's name.
    if directory.name.lower() == ROOT.name.lower():
        raise Refused(f"SwiftPM cannot tell {directory} from {ROOT}: choose a DIR whose last part is not {ROOT.name}")
    if directory.exists() and not directory.is_dir():
        raise Refused(f"{directory} exists and is not a folder; choose another DIR")
    if directory.exists() and any(directory.iterdir()):
        raise Refused(f"{directory} is not empty; choose another DIR")
    values = {
        "name": name,
        "module": module_name(name),
        "dependency": DEPENDENCY,
        "path": swift_text(path_to_root(directory)),
        "package_command": shlex.join([os.path.join(path_to_root(directory), "scripts/package")]),
    }
    files = {
        directory / template.relative_to(TEMPLATES).with_suffix("").as_posix().replace("MODULE", values["module"]): template
        for template in sorted(TEMPLATES.rglob("*.template"))
    }
    for file, template in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(string.Template(template.read_text()).substitute(values))
    return list(files)


def module_name(name):
    """Returns the module's name, such as `MyShopFunction` for `my-shop`. No module of Swift or this package has it."""
    words = [word[0].upper() + word[1:] for word in re.split("[_-]+", name) if word]
    module = f"{''.join(words)}Function"
    return f"_{module}" if module[0].isdigit() else module


def path_to_root(directory):
    """Returns the path to this folder, relative if the two have more than the file system's root in common."""
    common = os.path.commonpath([directory, ROOT])
    return os.path.relpath(ROOT, directory) if Path(common) != Path(common).parent else str(ROOT)


def swift_text(text):
    """Returns the text as the content of a Swift string literal."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
