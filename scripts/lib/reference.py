"""Builds the reference documentation with the toolchain's docc, and checks that it is complete."""

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from swift_package import ROOT

SYSTEM_MODULES = ("CCurl", "CCrypto")
# Public for the chat's own modules, in no product: checked, without an archive.
INTERNAL_MODULES = ("JSON", "Handlers")
CODE_BLOCK = re.compile(r"^```swift\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Broken(Exception):
    """The documentation cannot be built, or is incomplete."""


class Reference:
    """The documentation of this package's library products."""

    def __init__(self, build_folder, scratch):
        self.build_folder = build_folder
        self.scratch = scratch

    def build(self, output):
        """Checks the documentation and returns the archives, which are written to the folder `output`, unless that is None."""
        products = self.libraries()
        modules = sorted({module for each in products.values() for module in each} | set(INTERNAL_MODULES))
        graphs = self.scratch / "graphs"
        graphs.mkdir()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda module: self.extract(module, graphs), modules))
        problems = [*undocumented(graphs), *self.failing_code_blocks(products)]
        archives = []
        for product, parts in products.items():
            archive, errors = self.convert(product, parts, graphs)
            problems += errors
            archives.append(archive)
        if problems:
            # A module of two products has its problems in both archives.
            raise Broken("\n".join(["the documentation is incomplete:", *dict.fromkeys(problems)]))
        if not output:
            return []
        output.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            shutil.rmtree(output / archive.name, ignore_errors=True)
            shutil.move(archive, output / archive.name)
        return [output / archive.name for archive in archives]

    def libraries(self):
        """Returns the modules of each library product."""
        command = ["swift", "package", "--scratch-path", self.scratch / "describe", "describe", "--type", "json"]
        products = json.loads(run(*command).stdout)["products"]
        return {each["name"]: each["targets"] for each in products if "library" in each["type"]}

    def search_options(self):
        """Returns the compiler's options to find this package's modules."""
        maps = [f"-fmodule-map-file={ROOT}/Sources/{module}/module.modulemap" for module in SYSTEM_MODULES]
        return ["-I", self.build_folder / "debug/Modules", *(option for each in maps for option in ("-Xcc", each))]

    def extract(self, module, graphs):
        """Writes the symbol graphs of a module: its own, and one for each module that it extends."""
        target = json.loads(run("swiftc", "-print-target-info").stdout)["target"]["triple"]
        run(
            "swift", "symbolgraph-extract", "-module-name", module, "-target", target, *self.search_options(),
            "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", graphs,
        )  # fmt: skip

    def convert(self, product, modules, graphs):
        """Returns a product's archive and the problems that docc found."""
        symbols = self.scratch / f"{product}.symbols"
        symbols.mkdir()
        for module in modules:
            for graph in graphs.glob(f"{module}[.@]*"):
                shutil.copy(graph, symbols)
        catalogue = ROOT / f"Sources/{product}/{product}.docc"
        if not catalogue.is_dir():
            return None, [f"{catalogue.relative_to(ROOT)} is missing: the catalogue of the product {product}"]
        archive = self.scratch / f"{product}.doccarchive"
        command = ["docc", "convert", catalogue, "--additional-symbol-graph-dir", symbols, "--output-path", archive]
        command += ["--fallback-display-name", product, "--fallback-bundle-identifier", product, "--warnings-as-errors"]
        result = subprocess.run([*map(str, command), "--emit-fixits"], cwd=ROOT, capture_output=True, text=True, check=False)
        output = (result.stdout + result.stderr).replace(f"{ROOT}/", "")
        problems = re.findall(r"^\S+: (?:warning|error): .*$", output, re.MULTILINE)
        if result.returncode != 0 and not problems:
            problems = [output.strip()]
        return archive, problems

    def failing_code_blocks(self, products):
        """Returns the errors of Swift code blocks in articles, each of which must compile as a file of its own."""
        articles = sorted(file for product in products for file in (ROOT / f"Sources/{product}").glob("*.docc/*.md"))
        blocks = [(file, match) for file in articles for match in CODE_BLOCK.finditer(file.read_text())]
        with ThreadPoolExecutor() as pool:
            return [error for errors in pool.map(lambda block: self.compile_block(*block), blocks) for error in errors]

    def compile_block(self, article, match):
        first_line = article.read_text()[: match.start(1)].count("\n") + 1
        file = self.scratch / f"{article.stem}-{first_line}.swift"
        file.write_text(match[1])
        # -parse-as-library: a block may have @main.
        command = ["swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", *self.search_options(), file]
        result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        place = article.relative_to(ROOT)
        errors = re.findall(rf"^{re.escape(str(file))}:(\d+):\d+: ((?:error|warning): .*)$", result.stderr, re.MULTILINE)
        if result.returncode != 0 and not errors:
            return [f"{place}:{first_line}: {result.stderr.strip()}"]
        return [f"{place}:{first_line + int(line) - 1}: {text}" for line, text in errors]


def undocumented(graphs):
    """Yields a line for each public symbol without documentation."""
    for graph in sorted(graphs.glob("*.symbols.json")):
        for symbol in json.loads(graph.read_text())["symbols"]:
            name = ".".join(symbol["pathComponents"])
            # The compiler's own symbols, such as the projection of a task-local value, have no place.
            if "docComment" in symbol or "location" not in symbol:
                continue
            file = symbol["location"]["uri"].removeprefix("file://").removeprefix(f"{ROOT}/")
            line = symbol["location"]["position"]["line"] + 1
            yield f"{file}:{line}: {name} is public and has no documentation"


def run(*command):
    """Runs a command in this folder. Raises Broken, with its output, if it fails."""
    result = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Broken(f"{' '.join(map(str, command[:3]))} … failed:\n{result.stdout}{result.stderr}".rstrip())
    return result
