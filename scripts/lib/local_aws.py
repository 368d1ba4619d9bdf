"""Runs the local AWS, ministack, as a child process."""

import contextlib
import functools
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import stack
from processes import child, tail

HOST = "127.0.0.1"
# The local AWS accepts these as its root user's keys. They are valid nowhere else.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = "us-east-1"


class NotRunning(Exception):
    """The local AWS did not start."""


@contextlib.contextmanager
def local_aws(port, log):
    """Runs ministack on loopback. Its files are in a temporary folder that is removed afterwards."""
    endpoint = f"http://{HOST}:{port}"
    with tempfile.TemporaryDirectory(prefix="chat-aws-") as scratch, log.open("wb") as output:
        # None of the caller's variables (credentials, proxies, ministack settings): functions inherit this environment.
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": scratch,
            "TMPDIR": scratch,
            "STATE_DIR": f"{scratch}/state",
            "S3_DATA_DIR": f"{scratch}/s3",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            # These listeners would bind to all interfaces.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Verifies signatures and enforces each role's policy.
            "AUTH": "true",
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": endpoint,
        }
        command = [stack.ROOT / ".venv/bin/python", stack.ROOT / "scripts/lib/run_ministack.py"]
        with child(command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=scratch) as process:
            await_ready(process, endpoint, log)
            yield process, endpoint


def await_ready(process, endpoint, log):
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        if process.poll() is not None:
            raise NotRunning(f"the local AWS did not start; its log ({log}) ends with:\n{tail(log)}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            without_proxy.open(f"{endpoint}/_ministack/health", timeout=5)
            return
        time.sleep(0.1)
    raise NotRunning(f"the local AWS did not answer within a minute; its log ({log}) ends with:\n{tail(log)}")


def clients_of(endpoint):
    """Returns a function that creates boto3 clients for this endpoint."""
    # Imported here, because scripts/setup may have to install it first.
    import boto3
    from botocore.config import Config

    session = boto3.Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    return functools.partial(session.client, endpoint_url=endpoint, config=Config(proxies={}))
