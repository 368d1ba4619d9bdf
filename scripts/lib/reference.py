"""Builds the reference documentation of a package with the toolchain's docc, and checks that it is complete."""

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CODE_BLOCK = re.compile(r"^```swift\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Broken(Exception):
    """The documentation cannot be built, or is incomplete."""


class Reference:
    """The documentation of a package's library products."""

    def __init__(self, root, build_folder, scratch):
        self.root = root
        self.build_folder = build_folder
        self.scratch = scratch

    def build(self, output):
        """Checks the documentation and returns the archives, which are written to the folder `output`, unless that is None.

        Raises Broken.
        """
        products, modules = self.products_and_modules()
        graphs = self.scratch / "graphs"
        graphs.mkdir()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda module: self.extract(module, graphs), modules))
        problems = [*self.undocumented(graphs), *self.failing_code_blocks(products)]
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

    def products_and_modules(self):
        """Returns the modules of each library product, and the names of all library modules."""
        command = ["swift", "package", "--scratch-path", self.scratch / "describe", "describe", "--type", "json"]
        package = json.loads(self.run(*command).stdout)
        products = {each["name"]: each["targets"] for each in package["products"] if "library" in each["type"]}
        targets = [each for each in package["targets"] if each["path"].startswith("Sources/")]
        modules = sorted(each["name"] for each in targets if each["type"] == "library")
        systems = [each["path"] for each in targets if each["type"] == "system-target"]
        self.search_options = ["-I", self.build_folder / "debug/Modules", *self.testing_plugins()]
        for path in systems:
            self.search_options += ["-Xcc", f"-fmodule-map-file={self.root / path}/module.modulemap"]
        return products, modules

    def testing_plugins(self):
        """Returns the option to find the macros of Swift Testing, if the toolchain has them in a folder of their own."""
        information = json.loads(self.run("swiftc", "-print-target-info").stdout)
        self.target = information["target"]["triple"]
        folder = Path(information["paths"]["runtimeResourcePath"], "host/plugins/testing")
        return ["-plugin-path", folder] if folder.is_dir() else []

    def extract(self, module, graphs):
        """Writes the symbol graphs of a module: its own, and one for each module that it extends."""
        self.run(
            "swift", "symbolgraph-extract", "-module-name", module, "-target", self.target, *self.search_options,
            "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", graphs,
        )  # fmt: skip

    def convert(self, product, modules, graphs):
        """Returns a product's archive and the problems that docc found."""
        symbols = self.scratch / f"{product}.symbols"
        symbols.mkdir()
        for module in modules:
            for graph in graphs.glob(f"{module}[.@]*"):
                shutil.copy(graph, symbols)
        catalogue = self.root / f"Sources/{product}/{product}.docc"
        if not catalogue.is_dir():
            return None, [f"{catalogue.relative_to(self.root)} is missing: the catalogue of the product {product}"]
        archive = self.scratch / f"{product}.doccarchive"
        command = ["docc", "convert", catalogue, "--additional-symbol-graph-dir", symbols, "--output-path", archive]
        command += ["--fallback-display-name", product, "--fallback-bundle-identifier", product, "--warnings-as-errors"]
        result = subprocess.run([*map(str, command), "--emit-fixits"], cwd=self.root, capture_output=True, text=True, check=False)
        output = (result.stdout + result.stderr).replace(f"{self.root}/", "")
        problems = re.findall(r"^\S+: (?:warning|error): .*$", output, re.MULTILINE)
        if result.returncode != 0 and not problems:
            problems = [output.strip()]
        return archive, problems

    def failing_code_blocks(self, products):
        """Returns the errors of Swift code blocks in articles, each of which must compile as a file of its own."""
        articles = sorted(file for product in products for file in (self.root / f"Sources/{product}").glob("*.docc/*.md"))
        blocks = [(file, match) for file in articles for match in CODE_BLOCK.finditer(file.read_text())]
        with ThreadPoolExecutor() as pool:
            return [error for errors in pool.map(lambda block: self.compile_block(*block), blocks) for error in errors]

    def compile_block(self, article, match):
        first_line = article.read_text()[: match.start(1)].count("\n") + 1
        file = self.scratch / f"{article.stem}-{first_line}.swift"
        file.write_text(match[1])
        # -parse-as-library: a block may have @main.
        command = ["swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", *self.search_options, file]
        result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        place = article.relative_to(self.root)
        errors = re.findall(rf"^{re.escape(str(file))}:(\d+):\d+: ((?:error|warning): .*)$", result.stderr, re.MULTILINE)
        if result.returncode != 0 and not errors:
            return [f"{place}:{first_line}: {result.stderr.strip()}"]
        return [f"{place}:{first_line + int(line) - 1}: {text}" for line, text in errors]

    def undocumented(self, graphs):
        """Yields a line for each public symbol without documentation."""
        for graph in sorted(graphs.glob("*.symbols.json")):
            for symbol in json.loads(graph.read_text())["symbols"]:
                # The compiler's own symbols, such as the projection of a task-local value, have no location.
                if "docComment" in symbol or "location" not in symbol:
                    continue
                file = symbol["location"]["uri"].removeprefix("file://").removeprefix(f"{self.root}/")
                line = symbol["location"]["position"]["line"] + 1
                yield f"{file}:{line}: {'.'.join(symbol['pathComponents'])} is public and has no documentation"

    def run(self, *command):
        """Runs a command in the package's folder. Raises Broken, with its output, if it fails."""
        result = subprocess.run([*map(str, command)], cwd=self.root, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Broken(f"{' '.join(map(str, command[:3]))} … failed:\n{result.stdout}{result.stderr}".rstrip())
        return result
