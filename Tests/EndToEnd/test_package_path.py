"""scripts/package --package-path: a package outside this repository, from its creation by scripts/new to Lambda."""

import json
import subprocess
import urllib.parse
import zipfile

import boto3
import pytest
from conftest import ROOT
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from swift_package import NAME, Dependency, SwiftPackage, Unsuitable, check_dependency, plan
from test_rie import Function, emulator  # noqa: F401

# A second function in the same package: nine lines.
SHOP = """\
import RuntimeClient
struct Order: Decodable { let id: Int; let price: Double }
struct Receipt: Encodable { let total: Double }
@main struct Shop {
  static func main() {
    Lambda.run { (order: Order, context: InvocationContext) in Receipt(total: order.price * 1.2) }
  }
}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A new package, with the function of nine lines beside its own."""
    folder = tmp_path_factory.mktemp("packages") / "my packages" / "greeter-1"
    subprocess.run([ROOT / "scripts/new", folder], check=True)
    manifest = folder / "Package.swift"
    shop = f'    .executableTarget(name: "shop", dependencies: [.product(name: "RuntimeClient", package: "{NAME}")]),\n'
    manifest.write_text(manifest.read_text().replace("  targets: [\n", f"  targets: [\n{shop}"))
    (folder / "Sources/shop").mkdir()
    (folder / "Sources/shop/Shop.swift").write_text(SHOP)
    return folder


@pytest.fixture(scope="module")
def built(package):
    """The package, with the function of nine lines packaged, and with tests.log, the output of its tests.

    Both are built at the same time.
    """
    with (package / "tests.log").open("w") as log:
        tests = subprocess.Popen(
            ["swift", "test", "--disable-xctest"], cwd=package, stdout=log, stderr=subprocess.STDOUT
        )
        with tests:
            command = [ROOT / "scripts/package", "--package-path", package, "--product", "shop", "--lean"]
            subprocess.run(command, check=True)
    assert tests.returncode == 0, (package / "tests.log").read_text()
    return package


@pytest.fixture
def shop(built, tmp_path):
    """The executable in the zip."""
    with zipfile.ZipFile(built / "dist/shop-lean.zip") as archive:
        assert archive.namelist() == ["bootstrap"]
        file = tmp_path / "bootstrap"
        file.write_bytes(archive.read("bootstrap"))
    file.chmod(0o755)
    return file


def test_a_new_package_passes_its_tests(built):
    assert "Test run with 3 tests in 1 suite passed" in (built / "tests.log").read_text()


def test_a_new_package_runs_its_event(built):
    run = subprocess.run(
        ["swift", "run", "--skip-build", "greeter-1", "event.json"], cwd=built, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == '{"greeting":"Hello, world!"}'


def test_a_function_of_nine_lines_handles_an_event_file(shop, tmp_path):
    event = tmp_path / "event.json"
    event.write_text('{"id": 7, "price": 12.5}')
    run = subprocess.run([shop, event], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == '{"total":15}'


def test_a_packaged_function_runs_in_the_emulator(shop, emulator, tmp_path):  # noqa: F811
    with Function(emulator, shop, "any", {}, tmp_path / "log") as function:
        assert json.loads(function.invoke(b'{"id": 1, "price": 10}')) == {"total": 12}
        assert json.loads(function.invoke(b"[]"))["errorType"] == "Runtime.UnmarshalError"
        assert json.loads(function.invoke(b'{"id": 1, "price": 10}')) == {"total": 12}


def test_an_sdk_invokes_the_executable_that_serves(shop):
    command = [shop, "--serve", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            url = urllib.parse.urlsplit(process.stdout.readline().split()[-1])
            client = boto3.client(
                "lambda", endpoint_url=f"{url.scheme}://{url.netloc}", region_name="us-east-1",
                aws_access_key_id="any", aws_secret_access_key="any",
            )  # fmt: skip
            answer = client.invoke(FunctionName="shop", Payload=b'{"id": 1, "price": 10}')
            assert (answer["StatusCode"], json.load(answer["Payload"])) == (200, {"total": 12})
            assert "FunctionError" in client.invoke(FunctionName="shop", Payload=b"{}")
        finally:
            process.terminate()


def test_the_executable_is_static_and_names_no_folder(shop, built):
    headers = subprocess.check_output(["readelf", "--wide", "--program-headers", "--dynamic", shop], text=True)
    assert "INTERP" not in headers
    assert "NEEDED" not in headers
    # So the zip is the same in another folder.
    assert str(built).encode() not in shop.read_bytes()
    assert str(ROOT).encode() not in shop.read_bytes()


def test_the_bill_of_materials_names_the_product_and_its_packages(built):
    materials = json.loads((built / "dist/shop-lean.cdx.json").read_text())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(materials)) is None
    assert materials["metadata"]["component"]["name"] == "shop"
    components = {each["name"]: each["version"] for each in materials["components"]}
    assert {"swift", "libcurl", "c-ares", "glibc", NAME} <= components.keys()
    assert f'"{NAME}/{components[NAME]}"' in (ROOT / "Sources/RuntimeClient/RuntimeAPIClient.swift").read_text()
    assert str(built) not in json.dumps(materials)


def run_package(*options):
    return subprocess.run([ROOT / "scripts/package", *options], capture_output=True, text=True, timeout=120)


def test_unsuitable_packages_and_products_are_refused(package, tmp_path):
    run = run_package("--package-path", tmp_path)
    assert (run.returncode, run.stderr) == (1, f"package: {tmp_path} is not a Swift package: it has no Package.swift\n")
    assert "no such folder" in run_package("--package-path", tmp_path / "none").stderr
    run = run_package("--package-path", package, "--product", "other")
    assert run.returncode == 1
    assert "has no product 'other'; the executable products of greeter-1 are: greeter-1, shop\n" in run.stderr
    assert "pass --product NAME" in run_package("--package-path", package).stderr
    assert "RuntimeClient is a library product" in run_package("--product", "RuntimeClient").stderr
    # Nothing was written.
    assert list(tmp_path.iterdir()) == []


class Manifest(SwiftPackage):
    """A package as SwiftPM would describe it."""

    def __init__(self, path, dependencies=(), traits=(), products=("a",)):
        self.path, self.name = path, "mine"
        self.products = {name: "executable" for name in products}
        self.executables = list(products)
        self.traits = [{"name": trait} for trait in traits]
        self.graph = {"dependencies": list(dependencies)}

    def swift(self, *command, options=()):
        return {"traits": self.traits} if command == ("dump-package",) else self.graph


def own_package(path=ROOT, traits=()):
    return {
        "identity": "own", "name": NAME, "url": str(path), "version": "unspecified", "path": str(path),
        "traits": list(traits), "dependencies": [],
    }  # fmt: skip


def test_a_package_that_does_not_depend_on_this_one_is_refused(tmp_path):
    package = Manifest(tmp_path)
    with pytest.raises(Unsuitable, match=rf'does not depend on this one.*path: "{ROOT}"'):
        check_dependency(package, package.dependencies(), is_lean=False)
    package = Manifest(tmp_path, [own_package("/other")])
    with pytest.raises(Unsuitable, match="depends on /other"):
        check_dependency(package, package.dependencies(), is_lean=False)


def test_a_lean_build_needs_the_trait(tmp_path):
    without, with_trait = Manifest(tmp_path, [own_package()]), Manifest(tmp_path, [own_package(traits=["Lean"])])
    with pytest.raises(Unsuitable, match='traits: \\["Lean"\\]'):
        check_dependency(without, without.dependencies(), is_lean=True)
    check_dependency(without, without.dependencies(), is_lean=False)
    check_dependency(with_trait, with_trait.dependencies(), is_lean=True)


def test_a_dependency_of_a_dependency_is_found(tmp_path):
    middle = {**own_package("/middle"), "identity": "middle", "name": "middle", "dependencies": [own_package()]}
    package = Manifest(tmp_path, [middle])
    assert [each.name for each in package.dependencies()] == ["middle", NAME]
    assert isinstance(package.dependencies()[0], Dependency)
    check_dependency(package, package.dependencies(), is_lean=False)


def test_a_package_without_an_executable_is_refused(tmp_path):
    with pytest.raises(Unsuitable, match="has no executable product"):
        Manifest(tmp_path, products=()).product("")


def test_folders_of_other_packages_are_replaced_in_the_executable(monkeypatch, tmp_path):
    inner = {**own_package(tmp_path / "inner"), "identity": "inner", "name": "inner"}
    monkeypatch.setattr("swift_package.SwiftPackage", lambda path, scratch: Manifest(path, [own_package(), inner]))
    made = plan(tmp_path, "a", is_lean=False, scratch=tmp_path)
    assert [option for option in made.options if option.startswith("/")] == [f"{tmp_path}=.", f"{ROOT}=./{NAME}"]


def copy_resources(scratch, target):
    script = """
        eval "$(sed -n '/^copy_resources() {/,/^}/p' scripts/package)"
        scratch=$1
        copy_resources "$2"
    """
    subprocess.run(["bash", "-euc", script, "bash", scratch, target], cwd=ROOT, check=True)


def test_the_zip_has_the_resources_of_the_product_only(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    for bundle in ("mine_A.resources", "mine_B.resources"):
        (tmp_path / "release" / bundle).mkdir(parents=True)
        (tmp_path / "release" / bundle / "file").write_text(bundle)
    (target / "bootstrap").write_bytes(b"\0/build/release/mine_B.resources\0")
    copy_resources(tmp_path, target)
    assert sorted(file.name for file in target.iterdir()) == ["bootstrap", "mine_B.resources"]
    assert (target / "mine_B.resources/file").read_text() == "mine_B.resources"
