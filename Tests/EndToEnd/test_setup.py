"""scripts/setup installs a Python package only if its file has a hash that the requirements list."""

import os
import re
import shutil
import subprocess
import sys

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


@pytest.fixture
def clone(tmp_path):
    """A clone's scripts/setup, without libraries to link, and its requirements: one small package."""
    for folder in ("scripts", "packaging", "requirements"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts")
    (tmp_path / "packaging/static-libraries").write_text("#!/bin/sh\n")
    (tmp_path / "packaging/static-libraries").chmod(0o755)
    [iniconfig] = re.findall(r"^iniconfig==.*\n(?: .*\n)+", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    (tmp_path / "requirements/dev.txt").write_text(iniconfig)
    return tmp_path


def test_refuses_a_package_with_another_hash(clone):
    # As if the package's files had been replaced.
    requirements = clone / "requirements/dev.txt"
    requirements.write_text(re.sub("[0-9a-f]{64}", "0" * 64, requirements.read_text()))
    run = subprocess.run(["scripts/setup", "dev"], cwd=clone, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in run.stderr
    assert run.stderr.endswith("setup: pip could not install requirements/dev.txt; see its output above\n")
    # Without this marker, the next run installs again.
    assert not (clone / ".venv/requirements.txt").exists()


def test_commands_that_start_at_once_install_once(clone):
    runs = [subprocess.Popen(["scripts/setup", "dev"], cwd=clone, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    output = "".join(run.communicate(timeout=120)[1] for run in runs)
    assert [run.returncode for run in runs] == [0, 0, 0], output
    assert output.count("setup: installing requirements/dev.txt into .venv/") == 1
    assert (clone / ".venv/requirements.txt").read_text() == (clone / "requirements/dev.txt").read_text()


PYTHON_COMMANDS = [
    path.name
    for path in sorted((ROOT / "scripts").iterdir())
    if path.is_file() and path.read_text().startswith("#!/usr/bin/env python3")
]


@pytest.mark.parametrize("command", PYTHON_COMMANDS)
def test_commands_start_with_a_python_that_has_no_packages(command):
    # -I -S: no site-packages, as on a machine where nothing was installed with pip.
    interpreter = os.path.realpath(sys.executable)
    subprocess.run(
        [interpreter, "-I", "-S", ROOT / "scripts" / command, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=60
    )


def test_there_are_commands_in_python():
    assert {"dev", "deploy", "bench"} <= set(PYTHON_COMMANDS)
