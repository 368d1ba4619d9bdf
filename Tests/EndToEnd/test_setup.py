"""scripts/setup installs a Python package only if its file has a hash that the requirements list."""

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_every_requirement_has_one_version_and_hashes(file):
    requirements = re.sub(r" \\\n +", " ", file.read_text()).splitlines()
    assert len(requirements) > 30
    for requirement in requirements:
        assert re.fullmatch(r"[\w.-]+==\S+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+", requirement), requirement


def test_every_requirements_file_contains_the_requested_versions():
    for file in REQUIREMENTS:
        asked = [line for line in file.with_suffix(".in").read_text().splitlines() if not line.startswith("#")]
        compiled = re.findall(r"^\S+==\S+", file.read_text(), re.MULTILINE)
        assert set(asked) <= set(compiled)


def test_refuses_a_package_with_another_hash(tmp_path):
    # A clone whose listed hashes do not match the package's files, as if a file had been replaced.
    for folder in ("scripts", "packaging", "requirements"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts")
    (tmp_path / "packaging/static-libraries").write_text("#!/bin/sh\n")
    (tmp_path / "packaging/static-libraries").chmod(0o755)
    [iniconfig] = re.findall(r"^iniconfig==.*\n(?: .*\n)+", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    (tmp_path / "requirements/dev.txt").write_text(re.sub("[0-9a-f]{64}", "0" * 64, iniconfig))
    run = subprocess.run(["scripts/setup", "dev"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in run.stderr
    assert run.stderr.endswith("setup: pip could not install requirements/dev.txt; see its output above\n")
    # Without this marker, the next run installs again.
    assert not (tmp_path / ".venv/requirements.txt").exists()
