"""The builds that the other scripts deploy, with the scripts/package command for each."""

from pathlib import Path
from typing import NamedTuple

from stack import ROOT
from swift_package import SwiftPackage, Unsuitable


class Build(NamedTuple):
    command: list
    # The command's output.
    zip: Path


# The chat's, by name.
BUILDS = {
    "default": Build([ROOT / "scripts/package"], ROOT / "dist/bootstrap.zip"),
    "lean": Build([ROOT / "scripts/package", "--lean"], ROOT / "dist/bootstrap-lean.zip"),
}


def add_options(parser):
    """Adds the options that select a build: `build`, its name, or `zip`, a file to deploy instead of building one; `product`
    and `package_path`, what to build.
    """
    options = parser.add_mutually_exclusive_group()
    options.add_argument(
        "--lean",
        dest="build",
        action="store_const",
        const="lean",
        default="default",
        help="build and deploy the lean build (see scripts/package --help)",
    )
    options.add_argument("--zip", type=Path, metavar="FILE", help="deploy this zip instead of building one")
    parser.add_argument(
        "--product",
        metavar="NAME",
        help="build this executable product, such as WebSocketEcho, instead of the chat, and deploy it as each of the "
        "template's functions",
    )
    parser.add_argument(
        "--package-path",
        type=Path,
        metavar="DIR",
        help="build a product of the package in DIR, which depends on this one (see scripts/package --help)",
    )


def selected(options):
    """Returns the build that the options select. Raises Unsuitable if the package has no such product."""
    if not options.product and not options.package_path:
        return BUILDS[options.build]
    package = (options.package_path or ROOT).resolve()
    product = product_name(options)
    lean = ["--lean"] if options.build == "lean" else []
    code = package / "dist" / f"{product}{'-lean' if lean else ''}.zip"
    return Build([ROOT / "scripts/package", "--product", product, "--package-path", package, *lean], code)


def product_name(options):
    """Returns the name of the product to build."""
    if options.product:
        return options.product
    if not options.package_path:
        return "bootstrap"
    package = options.package_path.resolve()
    return SwiftPackage(package, package / ".build").product("")


__all__ = ["BUILDS", "Build", "Unsuitable", "add_options", "product_name", "selected"]
