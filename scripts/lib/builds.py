"""The builds of the bootstrap by name, with the scripts/package command for each."""

from pathlib import Path
from typing import NamedTuple

from stack import ROOT


class Build(NamedTuple):
    command: list
    # The command's output.
    zip: Path


BUILDS = {
    "default": Build([ROOT / "scripts/package"], ROOT / "dist/bootstrap.zip"),
    "lean": Build([ROOT / "scripts/package", "--lean"], ROOT / "dist/bootstrap-lean.zip"),
}


def add_options(parser):
    """Adds the options that select a build: `build`, its name, and `zip`, a file to deploy instead, or None."""
    options = parser.add_mutually_exclusive_group()
    options.add_argument(
        "--lean",
        dest="build",
        action="store_const",
        const="lean",
        default="default",
        help="build and deploy dist/bootstrap-lean.zip (see scripts/package --help)",
    )
    options.add_argument("--zip", type=Path, metavar="FILE", help="deploy this zip instead of building one")
