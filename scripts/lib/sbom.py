"""Writes the bill of materials of a static executable as CycloneDX JSON: each library with its version and source.

The libraries are those of the archives from which the linker extracted a member, according to its statistics. The same
executable gives the same file, byte for byte.
"""

import argparse
import hashlib
import json
import platform
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

from swift_package import NAME, ROOT

# By Debian source package: upstream's name, and the CPE's vendor and product, as vulnerability databases use them.
UPSTREAM = {
    "openssl": ("openssl", "openssl:openssl"),
    "c-ares": ("c-ares", "c-ares:c-ares"),
    "glibc": ("glibc", "gnu:glibc"),
    "zlib": ("zlib", "zlib:zlib"),
    "curl": ("libcurl", "haxx:libcurl"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("archives", "static", "executable", "packages", "zip", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    try:
        materials = bill(options)
    except (LookupError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"sbom: {error}")
    options.output.write_text(json.dumps(materials, indent=2) + "\n")


def bill(options):
    archives = linked_archives(options.archives)
    system = os_release()
    components, packaged = [], {}
    of_swift = []
    for archive in archives:
        real = archive.resolve()
        if archive.parent.parent == options.static and archive.name == "libcurl.a":
            components.append(libcurl(options.static, system))
        elif archive.parent.parent == options.static:
            # Links to the toolchain's archives, and copies with a patched member.
            of_swift.append(archive.name)
        else:
            packaged.setdefault(source_package(real), []).append(real)
    components.append(swift(of_swift))
    if any("_FoundationICU" in name for name in of_swift):
        components.append(icu(options.static / "linux/lib_FoundationICU.a"))
    components += [debian_component(*source, system, files) for source, files in packaged.items()]
    described = json.loads(options.packages.read_text())
    components += [swift_package(each) for each in described["dependencies"]]
    if not any(component["name"] == "zlib" for component in components):
        components += zlib_not_linked(system)
    components.sort(key=lambda component: component["bom-ref"])

    digest = hashlib.sha256(options.executable.read_bytes()).hexdigest()
    main_component = {
        "type": "application",
        "bom-ref": "bootstrap",
        "name": described["product"],
        "version": f"sha256-{digest[:16]}",
        "description": f"A static executable for Linux on {platform.machine()}: bootstrap in {options.zip.name}",
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "properties": [{"name": "zip:sha256", "value": hashlib.sha256(options.zip.read_bytes()).hexdigest()}],
    }
    linked = [component["bom-ref"] for component in components if component["scope"] == "required"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "scripts/package"}]},
            "component": main_component,
        },
        "components": components,
        "dependencies": [{"ref": "bootstrap", "dependsOn": linked}],
        "compositions": [{"aggregate": "complete", "assemblies": ["bootstrap"]}],
    }


def linked_archives(statistics):
    """Returns the archives from which the linker extracted at least one member."""
    lines = [line.split("\t") for line in statistics.read_text().splitlines()[1:]]
    return [Path(path) for _, extracted, path in lines if int(extracted) > 0]


def os_release():
    lines = [line.partition("=") for line in Path("/etc/os-release").read_text().splitlines()]
    return {name: value.strip('"') for name, _, value in lines}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def source_package(file):
    """Returns the name and version of the source package that an installed file comes from."""
    try:
        owner = run("dpkg-query", "-S", str(file)).partition(": ")[0]
    except subprocess.CalledProcessError as error:
        raise LookupError(f"{file} is linked but belongs to no installed package") from error
    source, version = run("dpkg-query", "-W", "-f", "${source:Package}\t${source:Version}", owner).split("\t")
    return source, version


def component(name, version, purl, scope="required", **more):
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": scope, "purl": purl, **more}


def debian_component(source, version, system, files=(), scope="required", **more):
    """Returns the component of a library from the distribution, under upstream's name."""
    name, product = UPSTREAM.get(source, (source, None))
    distribution = system["ID"]
    purl = f"pkg:deb/{distribution}/{source}@{quote(version)}?arch=source&distro={distribution}-{system['VERSION_ID']}"
    if product:
        more["cpe"] = f"cpe:2.3:a:{product}:{upstream_version(version)}:*:*:*:*:*:*:*"
    archive = {
        "debian": f"https://snapshot.debian.org/package/{source}/{quote(version)}/",
        "ubuntu": f"https://launchpad.net/ubuntu/+source/{source}/{quote(version)}",
    }
    if files:
        more["properties"] = [{"name": "linked:archive", "value": file.name} for file in files]
    return component(
        name, version, purl, scope,
        externalReferences=[{"type": "source-distribution", "url": archive[distribution]}],
        **more,
    )  # fmt: skip


def upstream_version(version):
    """Returns a package's version without epoch, Debian revision and repacking suffix."""
    version = re.sub(r"^\d+:|-[^-]*$", "", version)
    # zlib 1.3.1 is `1:1.3.dfsg+really1.3.1-1` in Debian 13.
    return re.sub(r"^.*\+really|[+.](dfsg|ds).*$", "", version)


def libcurl(static, system):
    first, *sources = (static / "complete").read_text().splitlines()
    made = debian_component("curl", first.split()[1], system)
    for line in sources:
        digest, name = line.split()
        made["externalReferences"][0]["hashes"] = [{"alg": "SHA-256", "content": digest}]
        made["externalReferences"][0]["comment"] = f"SHA-256 of {name}, the source package's control file"
    notes = "Built by packaging/static-libraries, HTTP and HTTPS only; packaging/patches.sh has the patches."
    return {**made, "pedigree": {"notes": notes}}


def swift(archives):
    version = re.search(r"Swift version (\S+)", run("swift", "--version"))[1]
    tag = f"swift-{version}-RELEASE"
    return component(
        "swift", version, f"pkg:github/swiftlang/swift@{tag}",
        description="The Swift runtime, standard library, Dispatch and Foundation of the toolchain",
        cpe=f"cpe:2.3:a:apple:swift:{version}:*:*:*:*:*:*:*",
        externalReferences=[
            {"type": "source-distribution", "url": f"https://github.com/swiftlang/swift/tree/{tag}"},
            {"type": "distribution", "url": "https://www.swift.org/install/"},
        ],
        properties=[{"name": "linked:archive", "value": name} for name in sorted(archives)],
    )  # fmt: skip


def icu(archive):
    """Returns the component of Foundation's ICU, whose version is part of its symbol names."""
    version = re.search(rb"\bicudt(\d+)", archive.read_bytes())[1].decode()
    return component(
        "icu", version, f"pkg:github/swiftlang/swift-foundation-icu@{version}",
        description=f"ICU as in the Swift toolchain's Foundation, with{'' if archive.is_symlink() else 'out'} its data",
        externalReferences=[
            {"type": "source-distribution", "url": "https://github.com/swiftlang/swift-foundation-icu"}
        ],
    )  # fmt: skip


def swift_package(package):
    """Returns the component of a Swift package that the product uses, from a repository or a local folder."""
    name, version = package["name"], package["version"]
    if name == NAME:
        version = own_version()
    repository = re.fullmatch(r"(?:https?://|ssh://git@|git@)([\w.-]+)[/:](.+?)(?:\.git)?/?", package["url"])
    if not repository:
        # Without the folder's path, which differs between machines.
        return component(name, version, f"pkg:generic/{quote(name, safe='')}@{quote(version)}")
    host, path = repository.groups()
    source = {"type": "source-distribution", "url": f"https://{host}/{path}"}
    return component(name, version, f"pkg:swift/{host}/{quote(path)}@{quote(version)}", externalReferences=[source])


def own_version():
    """Returns the version in this package's user agent."""
    source = (ROOT / "Sources/RuntimeClient/RuntimeAPIClient.swift").read_text()
    if found := re.search(rf'"{NAME}/(\d[\w.+-]*)"', source):
        return found[1]
    raise LookupError("RuntimeAPIClient.swift has no version in its user agent")


def zlib_not_linked(system):
    """Returns zlib as `excluded`: it is installed with libcurl's headers, but no member of it is linked."""
    try:
        source, version = run("dpkg-query", "-W", "-f", "${source:Package}\t${source:Version}", "zlib1g-dev").split("\t")
    except subprocess.CalledProcessError:
        return []
    return [
        debian_component(
            source, version, system, scope="excluded",
            description="Not in the executable: libcurl is built without it.",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    main()
