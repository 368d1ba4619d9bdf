"""A root file system with only what Lambda provides, and its surroundings: DNS, certificates and a Runtime API."""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import time
import zipfile

from servers import Served, Server

# The user id that Lambda runs functions as. No /etc/passwd names this user.
USER = 993
# Loopback addresses. No server listens on REFUSED.
RESOLVER, SERVICES, UNTRUSTED, EXPIRED, REFUSED = (f"127.83.0.{i}" for i in range(1, 6))

# A shell script for a new mount namespace: the kernel removes the mounts when the process ends, even if killed.
ENTER = """
set -e
mount --bind "$1/task" "$1/root/var/task"
mount -o remount,bind,ro "$1/root/var/task"
mount -t proc proc "$1/root/proc"
mount --bind /dev/null "$1/root/dev/null"
mount --bind /dev/urandom "$1/root/dev/urandom"
shift
exec "$@"
"""


class Certificates:
    """A certificate authority that issues certificates with the openssl command."""

    CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
copy_extensions = copy
[policy]
commonName = supplied
"""
    KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    def __init__(self, folder):
        folder.mkdir()
        (folder / "index").touch()
        (folder / "configuration").write_text(self.CONFIGURATION.format(folder=folder))
        self.folder = folder
        self.bundle = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl("req", "-x509", *self.KEY, "-keyout", self._key, "-out", self.bundle, "-subj", "/CN=Test CA")

    def issue(self, *names, start="20200101000000Z", end="20991231235959Z"):
        """Issues a certificate for host names; returns a PEM file with the certificate and its key."""
        file = self.folder / f"{names[0]}.pem"
        request = self.folder / f"{names[0]}.csr"
        alternatives = ",".join(f"DNS:{name}" for name in names)
        self._openssl(
            "req", "-new", *self.KEY, "-keyout", file, "-out", request, "-subj", "/CN=Test",
            "-addext", f"subjectAltName={alternatives}",
        )  # fmt: skip
        certificate = self._openssl(
            "ca", "-batch", "-notext", "-config", self.folder / "configuration", "-cert", self.bundle,
            "-keyfile", self._key, "-in", request, "-startdate", start, "-enddate", end,
        )  # fmt: skip
        with file.open("a") as output:
            output.write(certificate)
        return file

    @staticmethod
    def _openssl(*arguments):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


class NameServer(Served, socketserver.UDPServer):
    """A DNS server for a fixed set of names. It listens on port 53: resolv.conf cannot name another."""

    def __init__(self, addresses):
        super().__init__((RESOLVER, 53), None)
        self.addresses = addresses
        self.asked = []

    def finish_request(self, request, client):
        query, sender = request
        end = query.index(0, 12)
        (kind,) = struct.unpack_from("!H", query, end + 1)
        name = ".".join(labels(query[12:end])).lower()
        self.asked.append(name)
        address = self.addresses.get(name)
        record = b"" if not address or kind != 1 else struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, ipv4(address))
        # Flags: a response, with code 0 or 3 (NXDOMAIN). Then the counts of questions, answers and other records.
        header = struct.pack("!HHHHH", 0x8180 if address else 0x8183, 1, bool(record), 0, 0)
        sender.sendto(query[:2] + header + query[12 : end + 5] + record, client)


def labels(name):
    """Yields the labels of a name in DNS wire format, in which each label follows its length."""
    while name:
        yield name[1 : 1 + name[0]].decode()
        name = name[1 + name[0] :]


def ipv4(address):
    return socket.inet_aton(address)


class Sandbox:
    """One `bootstrap` process in a bare root, with the Runtime API that delivers its events."""

    def __init__(self, process, log, events, answers):
        self.process = process
        self._log = log
        self._events = events
        self._answers = answers

    def invoke(self, event, seconds=20):
        """Invokes the function; returns `("response", JSON)` or `("error", JSON)`."""
        self._events.put(event)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=0.2)
            assert self.process.poll() is None, f"bootstrap ended with {self.process.returncode}:\n{self.log()}"
        raise AssertionError(f"no answer in {seconds} s:\n{self.log()}")

    def log(self):
        return self._log.read_text()

    def errors(self):
        """Returns the log lines with level ERROR or FATAL."""
        lines = (json.loads(line) for line in self.log().splitlines())
        # Metric lines have no level.
        return [line for line in lines if line.get("level") in ("ERROR", "FATAL")]


class BareRoot:
    """A root with only /var/task, /proc, /dev/null, /dev/urandom, an empty /tmp and Amazon Linux's files in /etc."""

    def __init__(self, folder, code, certificates):
        self.folder = folder
        root, task = folder / "root", folder / "task"
        for name in ("var/task", "proc", "dev", "tmp", "etc/pki/tls/certs"):
            (root / name).mkdir(parents=True)
        for name in ("dev/null", "dev/urandom"):
            (root / name).touch()
        (root / "tmp").chmod(0o1777)
        (root / "etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
        (root / "etc/nsswitch.conf").write_text("hosts: files dns myhostname\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        shutil.copy(certificates, root / "etc/pki/tls/certs/ca-bundle.crt")
        task.mkdir()
        with zipfile.ZipFile(code) as archive:
            for entry in archive.infolist():
                # Unlike Lambda, zipfile does not set the file mode.
                os.chmod(archive.extract(entry, task), entry.external_attr >> 16)

    @contextlib.contextmanager
    def start(self, environment=(), tracer=()):
        """Runs /var/task/bootstrap as Lambda does, with additional environment variables, under `tracer` if given."""
        events, answers = queue.Queue(), queue.Queue()

        def runtime_api(method, path, _, body):
            if method == "GET":
                event = events.get()
                headers = {"Lambda-Runtime-Aws-Request-Id": "id", "Lambda-Runtime-Deadline-Ms": deadline(10)}
                return 200, headers, json.dumps(event).encode()
            answers.put((path.rpartition("/")[2], json.loads(body)))
            return 202, {}, b""

        log = self.folder / "log"
        with Server(("127.0.0.1", 0), runtime_api) as server, log.open("w") as output:
            process = subprocess.Popen(
                [shutil.which("unshare"), "--mount", shutil.which("sh"), "-c", ENTER, "sh", self.folder, *tracer,
                 shutil.which("chroot"), f"--userspec={USER}:{USER}", self.folder / "root", "/var/task/bootstrap"],
                env=lambda_environment(f"127.0.0.1:{server.server_port}") | dict(environment),
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                yield Sandbox(process, log, events, answers)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                events.put(None)  # releases the thread that waits for an event in `next`


def deadline(seconds):
    return int((time.time() + seconds) * 1000)


def lambda_environment(runtime_api):
    """Returns Lambda's variables and TABLE_NAME. Without endpoint variables, the function uses AWS's host names."""
    return {
        "_HANDLER": "any",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "chat",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/chat",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "TOKEN",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TABLE_NAME": "connections",
        "TZ": ":UTC",
    }
