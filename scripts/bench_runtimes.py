"""What the benches of the runtime share: who is measured, and by what."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# It is answered with 400 and no AWS call is made: what is measured is the runtime.
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


def add_arguments(parser):
    parser.add_argument(
        "--bootstrap",
        action="append",
        metavar="[NAME=]ZIP",
        help="measure this zip; may be given again, to compare (dist/bootstrap.zip, built first)",
    )
    parser.add_argument("--no-python", action="store_true", help="leave Python's runtime with boto3 out")


@contextlib.contextmanager
def runtimes(options):
    """The commands to measure by their names, each with the size of its zip in bytes where it has one."""
    named = dict(name.rpartition("=")[::2] for name in options.bootstrap or [])
    if not named:
        subprocess.run([ROOT / "scripts/package"], check=True, stdout=sys.stderr)
        named = {"": "dist/bootstrap.zip"}
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for number, (name, path) in enumerate(named.items()):
            task = Path(folder, str(number))
            with zipfile.ZipFile(ROOT / path) as archive:
                archive.extract("bootstrap", task)
            (task / "bootstrap").chmod(0o755)
            found[name or "bootstrap"] = ([task / "bootstrap"], (ROOT / path).stat().st_size)
        if not options.no_python:
            Path(folder, "handler.py").write_text(PYTHON_HANDLER)
            command = [sys.executable, "-m", "awslambdaric", "handler.handler"]
            found["python"] = (["/usr/bin/env", "-C", folder, *command], None)
        yield found


def build_driver():
    """Tests/RuntimeBench, which serves invocations from the repository's own Runtime API emulator."""
    command = ["swift", "build", "-c", "release", "--scratch-path", ".build-bench", "--product", "RuntimeBench"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return ROOT / ".build-bench/release/RuntimeBench"


def measure(driver, command, checkpoints):
    arguments = [driver, EVENT, ",".join(map(str, checkpoints)), *command]
    result = subprocess.run(arguments, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    report = json.loads(result.stdout)
    if report["errors"]:
        sys.exit(f"bench: {report['errors']} invocations failed:\n{result.stderr.decode(errors='replace')[-2000:]}")
    return report


def medians(reports, name):
    return statistics.median(report[name] for report in reports)
