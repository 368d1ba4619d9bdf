"""scripts/docs: what it refuses, on a small package. `scripts/test docs` builds this repository's own documentation."""

import pytest
from reference import Broken, Reference

PACKAGE = """\
// swift-tools-version: 6.1
import PackageDescription
let package = Package(
  name: "small", products: [.library(name: "Small", targets: ["Small"])], targets: [.target(name: "Small")])
"""
SOURCE = """\
/// A number.
public struct Number {
  /// Adds two numbers.
  ///
  /// - Parameters:
  ///   - first: The first.
  ///   - second: The second.
  public func sum(first: Int, second: Int) -> Int { first + second }

  func hidden() {}
}
"""
ARTICLE = """\
# ``Small``

A module with ``Number``.

```swift
import Small

func double(_ number: Number) -> Int { number.sum(first: 1, second: 1) }
```
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A function that builds the documentation of a package with the given files, and returns its archives."""
    root = tmp_path_factory.mktemp("docs")
    runs = iter(range(100))

    def run(source=SOURCE, article=ARTICLE, output=None):
        for file, text in {
            "Package.swift": PACKAGE,
            "Sources/Small/Small.swift": source,
            "Sources/Small/Small.docc/Small.md": article,
        }.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text)
        scratch = root / f"scratch-{next(runs)}"
        scratch.mkdir()
        reference = Reference(root, root / ".build", scratch)
        reference.run("swift", "build", "--scratch-path", reference.build_folder)
        return reference.build(output)

    return run


def test_an_archive_is_written(document, tmp_path):
    [archive] = document(output=tmp_path / "docs")
    assert archive == tmp_path / "docs/Small.doccarchive"
    assert (archive / "data/documentation/small/number/sum(first:second:).json").is_file()
    # Again, over the first.
    assert document(output=tmp_path / "docs") == [archive]


FAULTS = [
    (
        "  func hidden() {}",
        "  public func shown() {}",
        "Sources/Small/Small.swift:10: Number.shown() is public and has no documentation",
    ),
    ("///   - second:", "///   - other:", "error: Parameter 'second' is missing documentation"),
    ("///   - second:", "///   - other:", "error: Parameter 'other' not found"),
    ("``Number``", "``Letter``", "Small.md:3:17: error: 'Letter' doesn't exist"),
    ("(_ number: Number)", "(_ number: Letter)", "Small.md:8: error: cannot find type 'Letter' in scope"),
]


def test_faults_are_reported(document, tmp_path):
    source, article = SOURCE, ARTICLE
    for text, replacement, _ in FAULTS:
        source, article = source.replace(text, replacement), article.replace(text, replacement)
    with pytest.raises(Broken) as broken:
        document(source, article, tmp_path / "docs")
    for *_, problem in FAULTS:
        assert problem in str(broken.value)
    # One line for each fault, after the first line.
    assert len(str(broken.value).splitlines()) == 1 + len(FAULTS)
    assert not (tmp_path / "docs").exists()


def test_a_failing_build_is_reported_with_its_output(document):
    with pytest.raises(Broken, match=r"(?s)^swift build --scratch-path … failed:.*expected identifier in struct"):
        document(source="public struct {")
