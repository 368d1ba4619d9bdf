"""scripts/package: outdated libraries, the bill of materials, patches, distributions."""

import hashlib
import json
import os
import re
import subprocess
import zipfile

import pytest
from conftest import ROOT
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sbom import upstream_version

LIB = ROOT / "scripts/lib"
PATCHES = ROOT / "packaging/patches.sh"


def bash(script, **environment):
    """Runs a bash script in the repository's root."""
    command = ["bash", "-euc", script]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


@pytest.fixture
def materials(code):
    return json.loads(code.with_suffix(".cdx.json").read_text())


@pytest.mark.builds("default", "lean")
def test_the_bill_of_materials_is_valid_cyclonedx(materials):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(materials)) is None


@pytest.mark.builds("default", "lean")
def test_the_bill_of_materials_names_what_is_linked(materials, code, bootstrap, build):
    executable = bootstrap.read_bytes()
    components = {each["name"]: each for each in materials["components"]}
    linked = {name for name, each in components.items() if each["scope"] == "required"}
    assert {"swift", "libcurl", "c-ares", "openssl", "glibc"} < linked
    assert ("icu" in linked) == (build == "default")
    # zlib is not linked on Debian 12.
    assert components["zlib"]["scope"] == "excluded"
    assert b"inflate 1." not in executable

    # The versions in the executable.
    openssl = re.search(rb"OpenSSL (\d+\.\d+\.\d+)", executable)[1].decode()
    assert components["openssl"]["version"].startswith(f"{openssl}-")
    assert f":openssl:{openssl}:" in components["openssl"]["cpe"]
    curl = re.search(rb"libcurl/(\d+\.\d+\.\d+)", executable)
    assert not curl or components["libcurl"]["version"].startswith(f"{curl[1].decode()}-")
    assert components["swift"]["version"] in subprocess.check_output(["swift", "--version"], text=True)
    for each in components.values():
        assert each["purl"].startswith("pkg:")
        assert each["externalReferences"][0]["type"] == "source-distribution"

    assert materials["metadata"]["component"]["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(executable).hexdigest()}
    ]
    assert hashlib.sha256(code.read_bytes()).hexdigest() in json.dumps(materials["metadata"])
    with zipfile.ZipFile(code) as archive:
        assert archive.namelist() == ["bootstrap"]


UPSTREAM_VERSIONS = {
    "3.0.22-1~deb12u2": "3.0.22",
    "1:1.2.13.dfsg-1": "1.2.13",
    "1:1.3.dfsg+really1.3.1-1+deb13u1": "1.3.1",
    "1.5.7+dfsg-1": "1.5.7",
    "3.0.13-0ubuntu3.5": "3.0.13",
}


@pytest.mark.parametrize(("version", "upstream"), UPSTREAM_VERSIONS.items())
def test_a_cpe_has_the_upstream_version(version, upstream):
    assert upstream_version(version) == upstream


@pytest.fixture
def package(tmp_path):
    """A function that runs scripts/package with an apt that offers `candidate`, and a swift that fails."""

    def run(*options, candidate="99:1", update="exit 0"):
        tools = {
            "apt-cache": f"""
                for package; do
                  [[ $package == lib* ]] || continue
                  printf '%s:\n  Installed: ' "$package"
                  dpkg-query -W -f '${{Version}}\n' "$package"
                  echo "  Candidate: {candidate}"
                done
            """,
            "apt-get": f'[[ "$*" != *update* ]] || {{ echo update >>"{tmp_path}/updates"; {update}; }}',
            "swift": "exit 1",
        }
        for name, body in tools.items():
            (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
            (tmp_path / name).chmod(0o755)
        return bash(f"scripts/package {' '.join(options)}", PATH=f"{tmp_path}:{os.environ['PATH']}")

    run.updates = tmp_path / "updates"
    return run


def test_an_outdated_library_is_a_warning(package):
    run = package()
    installed = subprocess.check_output(["dpkg-query", "-W", "-f", "${Version}", "libssl-dev"], text=True)
    assert "package: outdated libraries:\n" in run.stderr
    assert f"  libssl-dev {installed}, apt offers 99:1\n" in run.stderr
    for library in ("libc6-dev", "libcurl4-openssl-dev", "libc-ares-dev", "libstdc++-"):
        assert f"  {library}" in run.stderr
    # The build continues, up to the failing swift.
    assert "linking them anyway; to upgrade them, run: scripts/setup --upgrade package" in run.stderr
    assert "--strict" not in run.stderr


def test_strict_refuses_an_outdated_library_before_it_builds(package):
    run = package("--strict")
    assert run.returncode == 1
    assert re.search(r"^  libssl-dev \S+, apt offers 99:1$", run.stderr, re.MULTILINE)
    assert run.stderr.endswith("--strict links no outdated library; run: scripts/setup --upgrade package\n")
    # The lists were fetched, because the system's may be old.
    assert package.updates.exists()


@pytest.mark.parametrize("candidate", ["0", "(none)"])
def test_an_installed_version_that_is_newer_or_unknown_to_apt_is_current(package, candidate):
    assert "outdated" not in package("--strict", candidate=candidate).stderr


def test_strict_fails_without_current_lists(package):
    run = package("--strict", update="echo no network >&2; exit 100")
    assert run.returncode == 1
    assert "no network\npackage: --strict cannot check whether the libraries are current" in run.stderr


def test_deploy_packages_strictly():
    assert '"--strict"' in (ROOT / "scripts/deploy").read_text()


# Replaces libcurl's http.c: prints the bytes of a header line that is omitted, then of one that is sent.
HEADER_LINE_PROGRAM = r"""
#include <stdio.h>
#include <string.h>
int ADD(char *to, const char *text) { strcat(to, text); return 0; }
int ADDN(char *to, const char *text, unsigned long count) { strncat(to, text, count); return 0; }
int main(void) {
  for(int wanted = 0; wanted < 2; wanted++) {
    int result = 0;
    char req[100] = "";
    const char *TEXT = "Name: value";
    if(!wanted)
      result = 0;
    else
      LINE
    printf("[%s]%d\n", req, result);
  }
}
"""
HEADER_LINES = {
    "curl 7.88": ('result = Curl_dyn_addf(req, "%s\\r\\n", compare);', "Curl_dyn_add", "compare"),
    "curl 8.14": ('result = curlx_dyn_addf(req, "%s\\r\\n", origp);', "curlx_dyn_add", "origp"),
}


def patch_header_lines(file):
    return bash(f'say() {{ echo "$*" >&2; }}; work=.; source {PATCHES}; patch_header_lines "{file}"')


@pytest.mark.parametrize(("line", "function", "text"), HEADER_LINES.values(), ids=HEADER_LINES)
def test_a_patched_header_line_sends_the_same_bytes(tmp_path, line, function, text):
    file = tmp_path / "http.c"
    program = HEADER_LINE_PROGRAM.replace("ADDN", f"{function}n").replace("ADD", function).replace("TEXT", text)
    file.write_text(program.replace("LINE", line))
    run = patch_header_lines(file)
    assert (run.returncode, run.stderr) == (0, "")
    assert line not in file.read_text()
    subprocess.run(["clang", file, "-o", tmp_path / "program"], check=True)
    assert subprocess.check_output([tmp_path / "program"]) == b"[]0\n[Name: value\r\n]0\n"


@pytest.mark.parametrize("text", ["", "other\n", "\n".join(line for line, *_ in HEADER_LINES.values())])
def test_a_patch_that_does_not_apply_is_a_warning(tmp_path, text):
    file = tmp_path / "http.c"
    file.write_text(text)
    run = patch_header_lines(file)
    assert run.returncode == 0
    assert "warning: not as expected, left unpatched: " in run.stderr
    assert file.read_text() == text


@pytest.mark.parametrize("patch", ["cut_icu_data", "patch_host_check"])
def test_an_archive_with_another_layout_stays_unpatched(tmp_path, patch):
    swift_bin = os.path.dirname(os.path.realpath(subprocess.check_output(["which", "swiftc"], text=True).strip()))
    run = bash(
        f"""
        say() {{ echo "$*" >&2; }}
        work={tmp_path}/work swift_static={tmp_path}/static swift_bin={swift_bin} cflags=-O2
        source {PATCHES}
        mkdir -p $work/swift_static/linux $swift_static/linux
        for archive in lib_FoundationICU.a lib_CFURLSessionInterface.a; do
          echo 'int other;' | $swift_bin/clang -x c -c - -o $work/other.o
          $swift_bin/llvm-ar rc $swift_static/linux/$archive $work/other.o
          ln -s $swift_static/linux/$archive $work/swift_static/linux/
        done
        {patch}
        """
    )
    assert run.returncode == 0, run.stderr
    assert "warning: not as expected, left unpatched: " in run.stderr
    assert all(archive.is_symlink() for archive in (tmp_path / "work/swift_static/linux").iterdir())


RETAINED = """
.section .text.unused,"axR",@progbits
.globl unused
unused: ret
.section swift5_type_metadata,"aR",@progbits
.long 0
"""


def test_code_of_swift_is_not_retained_but_its_records_are(tmp_path):
    folder = tmp_path / "swift_static/linux"
    folder.mkdir(parents=True)
    (tmp_path / "code.s").write_text(RETAINED)
    subprocess.run(["clang", "-c", tmp_path / "code.s", "-o", tmp_path / "code.o"], check=True)
    subprocess.run(["ar", "rc", tmp_path / "toolchain.a", tmp_path / "code.o"], check=True)
    (tmp_path / "broken.a").write_text("no archive")
    for name, target in {"libswiftCore": "toolchain", "lib_FoundationICU": "toolchain", "libbroken": "broken"}.items():
        (folder / f"{name}.a").symlink_to(tmp_path / f"{target}.a")
    run = bash(
        f"""
        say() {{ echo "$*" >&2; }}
        here={os.path.dirname(PATCHES)} work={tmp_path}
        source {PATCHES}
        unretain_code
        """
    )
    assert run.returncode == 0, run.stderr
    flags = {
        name: subprocess.check_output(["readelf", "-SW", folder / f"{name}.a"], text=True)
        for name in ("libswiftCore", "lib_FoundationICU")
    }
    assert re.search(r"\.text\.unused .* AXR ", flags["lib_FoundationICU"])
    assert re.search(r"\.text\.unused .* AX ", flags["libswiftCore"])
    assert re.search(r"swift5_type_metadata .* AR ", flags["libswiftCore"])
    assert f"left unpatched: {folder}/libbroken.a" in run.stderr
    assert (folder / "libbroken.a").is_symlink()


DISTRIBUTIONS = {
    "ID=debian\nVERSION_CODENAME=bookworm\n": ("Debian", "/debian-archive-keyring.", "deb.debian.org/debian bookworm main"),
    "ID=debian\nVERSION_CODENAME=trixie\n": ("Debian", "/debian-archive-keyring.", "debian-security trixie-security main"),
    'ID=ubuntu\nVERSION_CODENAME="noble"\n': ("Ubuntu", "/ubuntu-archive-keyring.", "noble-security main universe"),
    "ID=ubuntu\nVERSION_CODENAME=jammy\nID_LIKE=debian\n": ("Ubuntu", "/ubuntu-archive-keyring.", "jammy-updates main"),
}


@pytest.mark.parametrize(("os_release", "expected"), DISTRIBUTIONS.items())
def test_each_distribution_has_its_own_keyring_and_mirrors(tmp_path, os_release, expected):
    distribution, keyring, mirror = expected
    (tmp_path / "os-release").write_text(os_release)
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")  # no lists yet
    (tmp_path / "apt-get").chmod(0o755)
    run = bash(
        f'source {LIB}/apt.sh; find_distribution; echo $distribution $keyring; write_sources {tmp_path} deb-src',
        OS_RELEASE=str(tmp_path / "os-release"), PATH=f"{tmp_path}:{os.environ['PATH']}",
    )  # fmt: skip
    assert run.stdout.startswith(f"{distribution} /usr/share/keyrings{keyring}"), run.stderr
    sources = (tmp_path / "sources.list").read_text()
    assert mirror in sources
    assert all(line.startswith(f"deb-src [signed-by=/usr/share/keyrings{keyring}") for line in sources.splitlines())


def test_another_distribution_is_reported_as_unsupported(tmp_path):
    (tmp_path / "os-release").write_text("ID=fedora\n")
    run = bash("packaging/static-libraries", OS_RELEASE=str(tmp_path / "os-release"))
    assert run.returncode == 1
    assert "only the source packages of Debian and Ubuntu are supported" in run.stderr
