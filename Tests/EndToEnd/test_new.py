"""scripts/new: names, folders and refusals. test_package_path.py builds, runs and packages a new package."""

import json
import pathlib
import subprocess

import pytest
from conftest import ROOT
from new_package import Refused, module_name, path_to_root, write_package


def run_new(*arguments):
    return subprocess.run([ROOT / "scripts/new", *arguments], capture_output=True, text=True, timeout=60)


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "file").touch()
    run = run_new(tmp_path, "shop")
    assert (run.returncode, run.stderr) == (1, f"new: {tmp_path} is not empty; choose another DIR\n")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    with pytest.raises(Refused, match="is not a folder"):
        write_package(tmp_path / "file", "shop")


def test_a_folder_of_this_repositorys_name_is_refused(tmp_path):
    with pytest.raises(Refused, match="SwiftPM cannot tell"):
        write_package(tmp_path / ROOT.name.upper(), "shop")


@pytest.mark.parametrize("name", ["a b", "größe", "a.b", "a/b", "-a", "--", "_", "x" * 65, "a\n"])
def test_a_name_that_lambda_does_not_allow_is_refused(tmp_path, name):
    with pytest.raises(Refused, match="is not the name of a function"):
        write_package(tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


MODULES = {
    "shop": "ShopFunction", "my-shop": "MyShopFunction", "my_Shop--2": "MyShop2Function", "2fa": "_2faFunction",
    "AWS": "AWSFunction", "class": "ClassFunction", "_x_": "XFunction", "hello-": "HelloFunction",
}  # fmt: skip


@pytest.mark.parametrize(("name", "module"), MODULES.items())
def test_a_module_has_a_name_of_its_own(name, module):
    assert module_name(name) == module


@pytest.mark.parametrize("name", ["Hello", "bootstrap", "2fa_x", "class"])
def test_swiftpm_reads_a_new_package_of_any_name(tmp_path, name):
    folder = tmp_path / 'a "folder" \\ of' / "f"
    write_package(folder, name)
    found = subprocess.run(
        ["swift", "package", "describe", "--type", "json"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert [each["name"] for each in json.loads(found.stdout)["products"]] == [name]


def test_the_path_is_relative_unless_only_the_root_is_common(monkeypatch):
    monkeypatch.setattr("new_package.ROOT", pathlib.Path("/home/me/chat"))
    assert path_to_root("/home/me/shop") == "../chat"
    assert path_to_root("/home/me/chat/shop") == ".."
    assert path_to_root("/srv/shop") == "/home/me/chat"
