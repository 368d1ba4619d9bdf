"""Helpers of the benchmarks: the executables and runtimes to measure, and the driver that measures them."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from builds import BUILDS
from stack import ROOT

# The chat answers 400 without an AWS call, so only the runtime is measured.
EVENT = ROOT / "Tests/Events/message-not-json.json"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "_HANDLER": "message",
    "TABLE_NAME": "Connections",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
}
PYTHON_HANDLER = """
import json
import boto3

dynamodb = boto3.client("dynamodb")

def handler(event, context):
    try:
        json.loads(event["body"])
    except ValueError:
        return {"statusCode": 400, "body": "The message has to be JSON."}
"""


class Executable(NamedTuple):
    path: Path
    # The zip's size in bytes, if the executable came in a zip.
    size: int | None
    # The name in BUILDS, if the benchmark built the executable.
    build: str | None


def add_bootstrap_argument(parser):
    parser.add_argument(
        "--bootstrap",
        action="append",
        metavar="[NAME=]FILE",
        help="measure this zip or executable; repeat to compare several (default: build and measure both builds)",
    )


def add_arguments(parser):
    add_bootstrap_argument(parser)
    parser.add_argument("--no-python", action="store_true", help="omit Python's runtime with boto3")


@contextlib.contextmanager
def executables(options, defaults=BUILDS):
    """Yields the executables to measure by name: those of the options, else these builds. The others are compared with the
    first."""
    files, builds = {}, {}
    for text in options.bootstrap or []:
        name, _, file = text.rpartition("=")
        name = name or "bootstrap"
        if name in files:
            sys.exit(f"bench: the name {name} is used twice; name each file: --bootstrap NAME=FILE")
        if not Path(file).is_file():
            sys.exit(f"bench: --bootstrap {text}: no such file")
        files[name] = Path(file)
    if not files:
        for name, build in defaults.items():
            if subprocess.run(build.command, check=False, stdout=sys.stderr).returncode != 0:
                sys.exit("bench: scripts/package failed; see its output above")
            files[name], builds[name] = build.zip, name
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = {}
        for number, (name, file) in enumerate(files.items()):
            path, size = file.resolve(), None
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    path = Path(archive.extract("bootstrap", Path(folder, str(number))))
                path.chmod(0o755)
                size = file.stat().st_size
            found[name] = Executable(path, size, builds.get(name))
        yield found


@contextlib.contextmanager
def runtimes(options):
    """Yields the commands to measure by name, each with the size of its zip in bytes or None."""
    with executables(options) as measured, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = {name: ([executable.path], executable.size) for name, executable in measured.items()}
        if not options.no_python:
            Path(folder, "handler.py").write_text(PYTHON_HANDLER)
            command = [sys.executable, "-m", "awslambdaric", "handler.handler"]
            found["python"] = (["/usr/bin/env", "-C", folder, *command], None)
        yield found


def build_driver(product="RuntimeBench"):
    """Builds a program in Benchmarks and returns its path: RuntimeBench serves invocations from the Runtime API emulator."""
    command = ["swift", "build", "-c", "release", "--scratch-path", ".build-bench", "--product", product]
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return ROOT / ".build-bench/release" / product


def measure(driver, command, checkpoints, event=EVENT, environment=ENVIRONMENT):
    arguments = [driver, event, ",".join(map(str, checkpoints)), *command]
    result = subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    report = json.loads(result.stdout)
    if report["errors"]:
        sys.exit(f"bench: {report['errors']} invocations failed:\n{result.stderr.decode(errors='replace')[-2000:]}")
    return report


def medians(reports, name):
    return statistics.median(report[name] for report in reports)


def cells(value, first, form):
    """Formats a number and its ratio to the first runtime's; blank without a number."""
    ratio = f"{value / first:.2f}" if value and first else ""
    return f"{format(value, form) if value else '':>10}{ratio:>7}"
