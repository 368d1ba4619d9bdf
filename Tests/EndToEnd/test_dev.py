"""scripts/dev: several instances, errors, --watch, and Ctrl-C."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.request
import zipfile
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from builds import BUILDS
from conftest import ROOT, running_stack
from function_logs import Logs
from playwright.sync_api import expect
from stack import CONTENT_TYPES
from websockets.exceptions import InvalidStatus


def processes_of(folder):
    """Yields the command lines of processes whose environment names a folder."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            pass  # the process has exited


def zip_of(script, tmp_path):
    code = tmp_path / "script.zip"
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n" + script)
    return code


def test_ctrl_c_ends_every_process_and_leaves_no_file(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = zip_of("trap '' TERM\nwhile :; do sleep 1; done\n", tmp_path)
    with running_stack(tmp_path, "--zip", code, env={**os.environ, "TMPDIR": str(scratch)}) as stack:
        with pytest.raises(TimeoutError), stack.connect(open_timeout=2):
            pass
        running = list(processes_of(scratch))
        assert any("ministack" in line for line in running)
        assert any("/bootstrap" in line for line in running)
    assert stack.process.returncode == 0
    assert list(processes_of(scratch)) == []
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "env").exists()


def test_serves_the_page_and_its_configuration(stack):
    with urllib.request.urlopen(stack.page_url) as response:
        assert response.read() == (ROOT / "web/index.html").read_bytes()
    for file in (ROOT / "web").iterdir():
        with urllib.request.urlopen(stack.page_url + file.name) as response:
            assert response.read() == file.read_bytes()
            assert response.headers["Content-Type"] == CONTENT_TYPES[file.suffix]
    with urllib.request.urlopen(stack.page_url + "config.json") as response:
        assert json.load(response) == {"url": stack.websocket_url}


def test_lean_builds_and_deploys_the_lean_zip(tmp_path):
    with running_stack(tmp_path, "--lean") as stack:
        function = stack.client("lambda").get_function(FunctionName=stack.resource("MessageFunction"))
    digest = hashlib.sha256(BUILDS["lean"].zip.read_bytes()).digest()
    assert function["Configuration"]["CodeSha256"] == base64.b64encode(digest).decode()


def run_dev(*options):
    command = [ROOT / "scripts/dev", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_taken_port_is_reported(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = run_dev("--page-port", port, "--directory", tmp_path)
    assert run.returncode == 1
    assert f"port {port} is taken; pass another --page-port" in run.stderr


def test_a_second_instance_in_the_same_directory_is_refused(stack):
    run = run_dev("--directory", stack.directory)
    assert run.returncode == 1
    assert f"already running, see {stack.directory}/env" in run.stderr


def test_a_function_that_does_not_start_is_reported_with_its_output(tmp_path):
    code = zip_of("echo something is missing >&2\nexit 3\n", tmp_path)
    with running_stack(tmp_path, "--zip", code) as stack:
        with pytest.raises(InvalidStatus), stack.connect():
            pass
        stack.wait_for_output("exited during init with code 3: something is missing")


@pytest.fixture
def clone(tmp_path, bootstrap):
    """A clone with a fake `swift` whose build output is the executable `built`, and which fails without that file."""
    root = tmp_path / "clone"
    for folder in ("scripts", "packaging", "infra", "web", "requirements"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, root / folder)
    for folder in (".venv", ".build-bin"):
        (root / folder).mkdir()
    (root / ".venv").rmdir()
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "Sources").mkdir()
    (root / "Sources/main.swift").touch()
    (root / "Package.swift").touch()
    built = root / ".build-bin/bootstrap"
    shutil.copy(bootstrap, built)
    swift = root / "swift"
    swift.write_text(
        f"#!/bin/sh\ncase $* in *--show-bin-path*) echo {built.parent} ;; *) echo compiling >&2; test -e {built} ;; esac\n"
    )
    swift.chmod(0o755)
    return root, built


def test_watch_redeploys_changed_sources_and_reloads_a_changed_page(clone, tmp_path, open_page):
    root, built = clone
    environment = {**os.environ, "PATH": f"{root}:{os.environ['PATH']}"}
    with running_stack(tmp_path, "--watch", root=root, env=environment) as stack:

        def deployed():
            function = stack.client("lambda").get_function(FunctionName=stack.resource("MessageFunction"))
            return function["Configuration"]["CodeSha256"]

        first = deployed()
        page = open_page(stack.page_url)
        with stack.connect():
            # A failed build keeps the last deployment.
            executable = built.read_bytes()
            built.unlink()
            (root / "Sources/main.swift").write_text("broken")
            stack.wait_for_output("swift build failed; see its output above", seconds=30)
            assert deployed() == first

            built.write_bytes(executable + b"\0")
            built.chmod(0o755)
            (root / "Sources/new.swift").touch()
            stack.wait_for_output("deployed, .* s after the change", seconds=60)
            assert deployed() != first
        with stack.connect():
            pass

        index = root / "web/index.html"
        index.write_text(index.read_text().replace("Shift+Enter", "Changed: Shift+Enter"))
        # Not wait_for_function, whose evaluation the page's Content Security Policy blocks.
        expect(page.page.get_by_text("Changed: Shift+Enter for a new line")).to_be_visible(timeout=30_000)
        page.wait_for_state("Connected")


def test_watch_and_zip_exclude_each_other(tmp_path):
    run = run_dev("--watch", "--zip", "any.zip", "--directory", tmp_path)
    assert run.returncode == 2
    assert "--watch builds the zip that it deploys; omit --zip" in run.stderr


def test_zip_and_product_exclude_each_other(tmp_path):
    run = run_dev("--product", "WebSocketEcho", "--zip", "any.zip", "--directory", tmp_path)
    assert run.returncode == 2
    assert "--zip is deployed as it is; omit --product and --package-path" in run.stderr


def test_a_product_that_does_not_exist_is_reported(tmp_path):
    run = run_dev("--product", "Nothing", "--directory", tmp_path, "--aws-port", "0", "--page-port", "0")
    assert run.returncode == 1
    assert "has no product 'Nothing'" in run.stderr


def test_another_backend_is_deployed_with_the_same_template(tmp_path):
    with running_stack(tmp_path, "--product", "WebSocketEcho", "--lean") as stack:
        with stack.connect() as first, stack.connect() as second:
            assert len(stack.rows()) == 2
            first.send("not JSON")
            assert first.recv(timeout=10) == second.recv(timeout=10) == "not JSON"
            # A route of the chat's own, served by the same executable.
            second.send('{"action":"who"}')
            assert first.recv(timeout=10) == second.recv(timeout=10) == '{"action":"who"}'
        for _ in range(100):
            if not stack.rows():
                break
            time.sleep(0.1)
        assert stack.rows() == {}


@pytest.mark.parametrize("operation", ["describe_log_groups", "filter_log_events"])
def test_an_error_of_the_local_aws_delays_log_lines_and_loses_none(operation, tmp_path, capsys):
    error = {"Error": {"Code": "InternalError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    client = Mock()
    client.describe_log_groups.return_value = {"logGroups": [{"logGroupName": "a-send", "storedBytes": 1}]}
    event = {"logStreamName": "1", "message": "hello", "timestamp": 1}
    client.filter_log_events.return_value = {"events": [event]}
    client.exceptions.ClientError = ClientError
    (tmp_path / "log").touch()
    logs = Logs(lambda _: client, tmp_path / "log")
    getattr(client, operation).side_effect = ClientError(error, operation)
    logs.show_new()
    assert capsys.readouterr().err == ""
    getattr(client, operation).side_effect = None
    logs.show_new()
    assert capsys.readouterr().err == "send: hello\n"
    error["ResponseMetadata"]["HTTPStatusCode"] = 400
    client.describe_log_groups.side_effect = ClientError(error, operation)
    with pytest.raises(ClientError):
        logs.show_new()
