"""Reads a Swift package for scripts/package: checks the product to build, and finds the packages that it is built from."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# The name in this repository's Package.swift.
NAME = "swift-lambda-websocket-chat"
# The chat's product.
CHAT = "bootstrap"
TRAIT = "Lean"


class Unsuitable(Exception):
    """The package or product cannot be packaged, and why."""


class Dependency(NamedTuple):
    """A package that the root package is built from."""

    name: str
    # The repository's URL, or the folder of a local package.
    url: str
    # `unspecified` for a local package.
    version: str
    path: Path
    traits: tuple


class SwiftPackage:
    """The package in a folder, as SwiftPM reads its manifest."""

    def __init__(self, path, scratch):
        self.path = path
        # SwiftPM locks it, so that the package's own folder, .build, stays free for other commands.
        self.scratch = scratch
        if not (path / "Package.swift").is_file():
            raise Unsuitable(f"{path} is not a Swift package: it has no Package.swift")
        description = self.swift("describe", "--type", "json")
        self.name = description["name"]
        self.products = {each["name"]: next(iter(each["type"])) for each in description["products"]}
        self.executables = sorted(name for name, kind in self.products.items() if kind == "executable")

    def swift(self, *command, options=()):
        run = ["swift", "package", "--package-path", self.path, "--scratch-path", self.scratch, *options, *command]
        # SwiftPM's errors go to standard error.
        result = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise Unsuitable(f"swift cannot read the package in {self.path}; see its output above")
        return json.loads(result.stdout)

    def product(self, name):
        """Returns the name of the executable product to build: the given one, else the only one."""
        found = f"the executable products of {self.name} are: {', '.join(self.executables)}"
        if not self.executables:
            raise Unsuitable(f"the package {self.name} in {self.path} has no executable product")
        if not name and len(self.executables) > 1:
            raise Unsuitable(f"pass --product NAME: {found}")
        name = name or self.executables[0]
        if name not in self.products:
            raise Unsuitable(f"the package {self.name} in {self.path} has no product {name!r}; {found}")
        if name not in self.executables:
            raise Unsuitable(f"{name} is a {self.products[name]} product, which has no main(); {found}")
        return name

    def declares_trait(self):
        return any(each["name"] == TRAIT for each in self.swift("dump-package").get("traits", []))

    def dependencies(self, options=()):
        """Returns the packages that the root package depends on, directly or not, each once."""
        found = {}

        def visit(package):
            for each in package["dependencies"]:
                dependency = Dependency(
                    each["name"], each["url"], each["version"], Path(each["path"]), tuple(each.get("traits", [TRAIT]))
                )
                found.setdefault(each["identity"], dependency)
                visit(each)

        visit(self.swift("show-dependencies", "--format", "json", options=options))
        return list(found.values())


class Plan(NamedTuple):
    """The product to build, and the options of the build."""

    package: str
    product: str
    # Options of `swift build`.
    options: list
    dependencies: list


def plan(path, product, is_lean, scratch):
    """Returns how to build a product of the package in a folder. Raises Unsuitable."""
    if path == ROOT:
        # The chat is known; SwiftPM takes a second to describe the package.
        product = product if product == CHAT else SwiftPackage(path, scratch).product(product)
        return Plan(NAME, product, [*(["--traits", TRAIT] if is_lean else []), *path_options(path, ())], [])
    package = SwiftPackage(path, scratch)
    product = package.product(product)
    traits = ["--traits", TRAIT] if is_lean and package.declares_trait() else []
    dependencies = package.dependencies(traits)
    check_dependency(package, dependencies, is_lean)
    return Plan(package.name, product, [*traits, *path_options(path, dependencies)], dependencies)


def path_options(path, dependencies):
    """Returns the compilers' options that replace the packages' folders, so that none is in the executable."""
    places = [f"{path}=."]
    # The first map covers dependencies below the package, too.
    places += [f"{each.path}=./{each.name}" for each in dependencies if not each.path.is_relative_to(path)]
    return [
        option
        for place in places
        for option in ("-Xswiftc", "-file-prefix-map", "-Xswiftc", place, "-Xcc", f"-ffile-prefix-map={place}")
    ]


def check_dependency(package, dependencies, is_lean):
    """Raises Unsuitable unless the package depends on the package in this folder, and on its lean build if that is wanted."""
    own = next((each for each in dependencies if each.name == NAME), None)
    if not own:
        raise Unsuitable(
            f"the package {package.name} in {package.path} does not depend on this one; add to the dependencies in its "
            f'Package.swift: .package(name: "{NAME}", path: "{ROOT}")'
        )
    if own.path.resolve() != ROOT:
        raise Unsuitable(f"the package {package.name} depends on {own.path}, not on {ROOT}; run scripts/package of that folder")
    if is_lean and TRAIT not in own.traits:
        raise Unsuitable(
            f"the package {package.name} has no lean build; in its Package.swift, pass traits: [.trait(name: "
            f'"{TRAIT}", condition: .when(traits: ["{TRAIT}"]))] to .package(name: "{NAME}", …), and to Package(…) '
            f'traits: ["{TRAIT}"]'
        )


def main():
    parser = argparse.ArgumentParser(
        description="Prints the name of the product to build and the options of `swift build` for it, one to a line."
    )
    parser.add_argument("--package-path", type=Path, required=True)
    parser.add_argument("--scratch-path", type=Path, required=True)
    parser.add_argument("--product", default="")
    parser.add_argument("--lean", action="store_true")
    parser.add_argument("--output", type=Path, required=True, help="receives the packages as JSON, for sbom.py")
    options = parser.parse_args()
    try:
        made = plan(options.package_path, options.product, options.lean, options.scratch_path)
    except (Unsuitable, OSError, json.JSONDecodeError) as error:
        sys.exit(f"package: {error}")
    packages = [{"name": each.name, "url": each.url, "version": each.version} for each in made.dependencies]
    options.output.write_text(json.dumps({"package": made.package, "product": made.product, "dependencies": packages}))
    print("\n".join([made.product, *made.options]))


if __name__ == "__main__":
    main()
