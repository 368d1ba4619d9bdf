"""One message to N connections: posts per second, CPU time per post, peak memory, and duration of one message.

The bootstrap runs as in Lambda, on a Runtime API on loopback. @connections is an nginx worker that answers each post with
an empty 200; the table answers the read of the sender's row, and a Query (or the Scan of earlier versions) of the N rows
of a room, page by page from memory. boto3 does the same work against the same servers: a read, a paginated query, and a
thread pool that posts. All send their messages in turns, and the results are medians of a message. All processes share
this machine's cores, so only the ratios to the first subject are meaningful: medians of the ratios of two messages.

CPU time is that of all threads of the measured process. The benchmark fails if the lean build has more than one thread
after warm messages by plain HTTP or TLS.
"""

import base64
import contextlib
import http.server
import itertools
import json
import multiprocessing
import os
import queue
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from bench_runtimes import add_bootstrap_argument, executables

HELP = "a message to many connections, compared with boto3"
HOST = "127.0.0.1"
MESSAGE = json.dumps({"message": "x" * 64})
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CREDENTIALS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    # As long as Lambda's tokens: every post sends and signs it.
    "AWS_SESSION_TOKEN": base64.b64encode(bytes(range(256)) * 3).decode(),
}

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{modules}
{user}
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  upstream table {{ server {host}:{table_port}; keepalive 8; }}
  server {{
    listen {host}:{plain_port};
    listen {host}:{tls_port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location /prod/@connections/ {{ {answer} }}
    # API Gateway's answer while a client does not read.
    location /prod/@connections/slow {{
      add_header x-amzn-ErrorType LimitExceededException always;
      return 429 '{{"message":null}}';
    }}
    location = /status {{ stub_status; }}
    location / {{ proxy_pass http://table; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


def add_arguments(parser):
    add_bootstrap_argument(parser)
    parser.add_argument(
        "--connections",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[10, 100, 1000, 10_000],
        metavar="N,N",
        help="numbers of connections to measure (10,100,1000,10000)",
    )
    parser.add_argument(
        "--slow",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[0],
        metavar="N,N",
        help="numbers of slow ones, which answer posts with 429 (0); omits boto3",
    )
    parser.add_argument("--scheme", choices=["http", "https"], action="append", help="measure this scheme only (both)")
    parser.add_argument("--seconds", type=float, default=8, help="time to send messages, for each subject (8)")
    parser.add_argument("--concurrency", metavar="C,C", help="values of BROADCAST_CONCURRENCY to compare (its default)")
    parser.add_argument("--threads", type=int, default=32, help="the number of boto3's threads (32)")
    parser.add_argument("--no-boto3", action="store_true", help="omit boto3")
    parser.add_argument(
        "--latency", type=int, default=0, metavar="MS", help="delay each answer to a post by MS milliseconds, as a network does (0)"
    )


# The servers


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def connection_ids(count, slow):
    """Returns a table's connection ids. Slow ones are distributed evenly and begin with `slow`."""
    ids = [base64.b64encode(b"%011d" % number).decode() for number in range(count)]
    for number in range(slow):
        ids[number * count // slow] = f"slow{number:012}="
    return ids


class Table(http.server.BaseHTTPRequestHandler):
    """DynamoDB's GetItem, Query and Scan. The table's name, `COUNT-SLOW`, is the number of its rows, all in one room."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Amz-Target"].endswith(".GetItem"):
            person = {"room": {"S": "lobby"}, "userId": {"S": "Sn1byhNlu4ws5TW-r90d0w"}, "name": {"S": "Ann"}}
            body = json.dumps({"Item": {**request["Key"], **row(), **person}}).encode()
        else:
            start = request.get("ExclusiveStartKey", {}).get("connectionId", {}).get("S")
            body = page(*map(int, request["TableName"].split("-")), start, request.get("Limit", 10_000))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amz-crc32: {zlib.crc32(body)}\r\n"
        self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def log_message(self, *_):
        pass


def row():
    return {"timestamp": {"S": "2026-01-01T00:00:00.000Z"}, "expiresAt": {"N": str(int(time.time()) + 7000)}}


@lru_cache(maxsize=1000)
def page(count, slow, start, limit):
    ids = connection_ids(count, slow)
    first = ids.index(start) + 1 if start else 0
    rest = row()
    items = [{"connectionId": {"S": connection}, **rest} for connection in ids[first : first + limit]]
    answer = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
    if first + limit < count:
        answer["LastEvaluatedKey"] = {"connectionId": items[-1]["connectionId"]}
    return json.dumps(answer).encode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # the measured process has exited and closed its connection


def serve_table(port):
    Server((HOST, port), Table).serve_forever()


class RuntimeAPI(http.server.BaseHTTPRequestHandler):
    """Serves the events in the queue `events`, and puts the duration, path and body of each answer into `answers`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.polled.set()
        body = self.server.events.get()
        fields = {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 900) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:bench",
            "Content-Length": str(len(body)),
        }
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.server.started = time.perf_counter()
        self.wfile.write(head.encode() + b"\r\n" + body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.put((time.perf_counter() - self.server.started, self.path, body))
        self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def runtime_api():
    server = Server((HOST, 0), RuntimeAPI)
    server.events, server.answers, server.polled = queue.Queue(), queue.Queue(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def make_certificates(folder):
    """Creates an authority, a certificate for HOST, and a copy of the system's bundle with the authority."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2"]
    openssl("req", *key, "-subj", "/CN=bench authority", "-keyout", "ca.key", "-out", "ca.pem")
    extensions = ["-addext", f"subjectAltName=IP:{HOST}", "-addext", "basicConstraints=critical,CA:FALSE"]
    openssl(
        "req", *key, "-subj", "/CN=bench", *extensions, "-CA", "ca.pem", "-CAkey", "ca.key",
        "-keyout", "server.key", "-out", "server.pem",
    )  # fmt: skip
    system = Path(SYSTEM_BUNDLE).read_bytes() if Path(SYSTEM_BUNDLE).exists() else b""
    (folder / "bundle.pem").write_bytes(system + (folder / "ca.pem").read_bytes())


@contextlib.contextmanager
def servers(latency):
    """Starts nginx and the table; yields the base URLs by scheme, and the CA bundle."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_certificates(folder)
        ports = {"plain_port": free_port(), "tls_port": free_port(), "table_port": free_port()}
        echo = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
        configuration = NGINX.format(
            **ports,
            folder=folder,
            host=HOST,
            modules=f"load_module {echo};" if latency else "",
            user="user root;" if os.geteuid() == 0 else "",
            answer=f'echo_sleep {latency / 1000}; echo -n "";' if latency else 'return 200 "";',
        )
        (folder / "nginx.conf").write_text(configuration)
        table = multiprocessing.get_context("spawn").Process(
            target=serve_table, args=(ports["table_port"],), daemon=True
        )
        table.start()
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        process = subprocess.Popen([nginx, "-p", name, "-c", folder / "nginx.conf", "-e", folder / "nginx.log"])
        try:
            for port in ports.values():
                await_port(port)
            urls = {"http": f"http://{HOST}:{ports['plain_port']}", "https": f"https://{HOST}:{ports['tls_port']}"}
            yield urls, folder / "bundle.pem"
        finally:
            process.terminate()
            process.wait()
            table.terminate()


def await_port(port):
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), 1).close()
            return
        time.sleep(0.05)
    sys.exit(f"bench: nothing listens on port {port}")


def requests_served(urls):
    """Returns the number of requests that nginx has served, this one included."""
    text = urllib.request.urlopen(f"{urls['http']}/status").read().decode()
    return int(text.splitlines()[2].split()[2])


# The subjects


class Bootstrap:
    """The executable, run as in Lambda."""

    def __init__(self, executable, url, bundle, table, concurrency, build=None):
        # The name in BUILDS, if the benchmark built the executable.
        self.build = build
        self.stack = contextlib.ExitStack()
        self.api = self.stack.enter_context(runtime_api())
        environment = {
            **CREDENTIALS,
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self.api.server_port}",
            "_HANDLER": "message",
            "TABLE_NAME": table,
            "AWS_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{url}/prod",
        }
        if concurrency:
            environment["BROADCAST_CONCURRENCY"] = concurrency
        command = [executable]
        if url.startswith("https"):
            # The system's bundle is replaced in a separate mount namespace: the machine stays unchanged, and the
            # executable finds the bundle as in Lambda.
            rights = [] if os.geteuid() == 0 else ["--map-root-user"]
            bind = f'mount --bind "{bundle}" "$(readlink -f {SYSTEM_BUNDLE})" && exec "$@"'
            command = ["unshare", "--mount", *rights, "sh", "-c", bind, "sh", *command]
        self.process = subprocess.Popen(command, env=environment)

    def await_poll(self):
        """Waits until the bootstrap has asked for its first event."""
        if not self.api.polled.wait(60):
            sys.exit("bench: the bootstrap did not ask for an event within 60 s")

    def message(self):
        """Sends one message and returns its duration in seconds."""
        seconds, body = self.invoke(event())
        if json.loads(body)["statusCode"] != 200:
            sys.exit(f"bench: the bootstrap answered {body.decode()}")
        return seconds

    def invoke(self, event):
        """Invokes the function and returns the duration in seconds and the response."""
        self.api.events.put(json.dumps(event).encode())
        while True:
            try:
                seconds, path, body = self.api.answers.get(timeout=1)
                break
            except queue.Empty:
                if self.process.poll() is not None:
                    sys.exit(f"bench: the bootstrap exited with {self.process.returncode}; see its output above")
        if not path.endswith("/response"):
            sys.exit(f"bench: the bootstrap answered {path.rpartition('/')[2]}: {body.decode()}")
        return seconds, body

    def cpu(self):
        # The process's CPU clock, see clock_getcpuclockid(3): the time of all its threads.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def status(self, name):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])

    def peak_megabytes(self):
        return self.status("VmHWM") / 1024

    def threads(self):
        return self.status("Threads")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.stack.close()


def event():
    # In every room. With slow connections the first one is slow and not in the room: one more post.
    context = {"connectionId": connection_ids(1, 0)[0], "eventType": "MESSAGE", "domainName": HOST, "stage": "prod", "apiId": "a"}
    return {"requestContext": context, "body": MESSAGE, "isBase64Encoded": False}


class Boto3:
    """AWS's SDK for Python with the same work, in a separate process."""

    build = None

    def __init__(self, url, bundle, table, threads):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=boto3_worker, args=(other, url, str(bundle), table, threads), daemon=True)
        self.process.start()

    def ask(self, question):
        self.pipe.send(question)
        return self.pipe.recv()

    def message(self):
        return self.ask("message")

    def cpu(self):
        return self.ask("cpu")

    def peak_megabytes(self):
        return self.ask("memory")

    def threads(self):
        return self.ask("threads")

    def close(self):
        self.process.kill()
        self.process.join()


def boto3_worker(pipe, url, bundle, table_name, threads):
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=threads, retries={"mode": "standard"}, proxies={})
    session = boto3.Session(
        CREDENTIALS["AWS_ACCESS_KEY_ID"],
        CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        CREDENTIALS["AWS_SESSION_TOKEN"],
        CREDENTIALS["AWS_REGION"],
    )
    options = {"config": config, "verify": bundle if url.startswith("https") else None}
    dynamodb = session.client("dynamodb", endpoint_url=url, **options)
    connections = session.client("apigatewaymanagementapi", endpoint_url=f"{url}/prod", **options)
    pool = ThreadPoolExecutor(threads)
    sender = {"TableName": table_name, "Key": {"connectionId": {"S": connection_ids(1, 0)[0]}}, "ConsistentRead": True}
    room = {
        "TableName": table_name,
        "IndexName": "room",
        "KeyConditionExpression": "#p = :p",
        "ProjectionExpression": "#a0, #a1, #a2",
        "ExpressionAttributeNames": {"#p": "room", "#a0": "connectionId", "#a1": "timestamp", "#a2": "expiresAt"},
        "ExpressionAttributeValues": {":p": {"S": "lobby"}},
    }
    data = MESSAGE.encode()

    def post(row):
        connections.post_to_connection(ConnectionId=row["connectionId"]["S"], Data=data)

    def message():
        started = time.perf_counter()
        dynamodb.get_item(**sender)
        for rows in dynamodb.get_paginator("query").paginate(**room):
            list(pool.map(post, rows["Items"]))
        return time.perf_counter() - started

    answers = {
        "message": message,
        "cpu": time.process_time,
        "memory": lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": threading.active_count,
    }
    while True:
        pipe.send(answers[pipe.recv()]())


# The measurement


def measure(subjects, count, slow, seconds, urls):
    """Returns the results of each subject by column. Each sends two messages for warm-up, and then messages for this many
    seconds, at least two.

    The subject that has used the least time sends the next message, so that disturbances of the machine affect all."""
    first = {name: subject.message() for name, subject in subjects.items()}
    for subject in subjects.values():
        subject.message()
    times, cpu = {name: [] for name in subjects}, {name: [] for name in subjects}
    spent = dict.fromkeys(subjects, 0)
    served = requests_served(urls)
    while True:
        name = min(subjects, key=lambda name: (len(times[name]) >= 2, spent[name]))
        if len(times[name]) >= 2 and spent[name] >= seconds:
            break
        before = subjects[name].cpu()
        times[name].append(subjects[name].message())
        cpu[name].append(subjects[name].cpu() - before)
        spent[name] += times[name][-1]
    served = requests_served(urls) - served - 1
    messages = sum(map(len, times.values()))
    posts = messages * count
    # The rest are the read of the sender, pages of the room, and up to three more posts to each slow connection.
    if not posts <= served <= posts + messages * (count // 100 + 3 + 3 * slow):
        sys.exit(f"bench: {messages} messages to {count} connections took {served} requests, an unexpected number")
    reference_times, reference_cpu = next(iter(times.values())), next(iter(cpu.values()))
    return {
        name: {
            "posts/s": count / statistics.median(times[name]),
            "posts ratio": 1 / ratio(times[name], reference_times),
            "CPU µs/post": statistics.median(cpu[name]) / count * 1e6,
            "CPU ratio": ratio(cpu[name], reference_cpu),
            "first ms": first[name] * 1000,
            "p50 ms": statistics.median(times[name]) * 1000,
            "p99 ms": sorted(times[name])[int(len(times[name]) * 0.99)] * 1000,
            "peak MB": subject.peak_megabytes(),
            "threads": subject.threads(),
            "messages": len(times[name]),
        }
        for name, subject in subjects.items()
    }


def ratio(values, reference):
    """Returns the median ratio of values measured at about the same time: the machine's speed changes from second to
    second."""
    return statistics.median(value / other for value, other in zip(values, reference, strict=False))


def bootstraps(measured, concurrencies, *arguments):
    """Returns the constructor of each executable with each BROADCAST_CONCURRENCY by name."""
    return {
        f"{name} ({concurrency})" if concurrency else name: partial(
            Bootstrap, executable.path, *arguments, concurrency, executable.build
        )
        for name, executable in measured.items()
        for concurrency in concurrencies
    }


def show(results):
    """Prints a row for each subject."""
    width = 26
    print(" " * width + "".join(f"{column:>13}" for column in next(iter(results.values()))))
    for name, result in results.items():
        cells = (f"{value:13,.4g}" if value < 100 else f"{value:13,.0f}" for value in result.values())
        print(f"{name:{width}}" + "".join(cells), flush=True)


def check_threads(subjects, results, scheme):
    """Fails if the lean build has a second thread, after plain HTTP to the Runtime API and the scheme to all else."""
    for name, subject in subjects.items():
        threads = results[name]["threads"]
        if subject.build == "lean" and threads > 1:
            sys.exit(f"bench: the lean build must have one thread; after the messages by {scheme} it has {threads}")


def run(options):
    concurrencies = options.concurrency.split(",") if options.concurrency else [None]
    memory = {}
    with executables(options) as measured, servers(options.latency) as (urls, bundle):
        print(f"{os.cpu_count()} cores; {options.latency} ms of latency; boto3 with {options.threads} threads", flush=True)
        for scheme in options.scheme or ["http", "https"]:
            for count, slow in itertools.product(options.connections, options.slow):
                print(f"\n{scheme}, {count} connections" + (f", {slow} of them slow" if slow else ""))
                starts = bootstraps(measured, concurrencies, urls[scheme], bundle, f"{count}-{slow}")
                if not options.no_boto3 and not slow:
                    starts["boto3"] = partial(Boto3, urls[scheme], bundle, f"{count}-{slow}", options.threads)
                with contextlib.ExitStack() as stack:
                    subjects = {name: stack.enter_context(contextlib.closing(start())) for name, start in starts.items()}
                    results = measure(subjects, count, slow, options.seconds, urls)
                show(results)
                check_threads(subjects, results, scheme)
                for name, result in results.items():
                    if not slow:
                        memory[scheme, name, count] = result["peak MB"]
        print()
        for (scheme, name, count), most in memory.items():
            if count == 10_000 and (least := memory.get((scheme, name, 100))):
                print(f"{scheme}, {name}: peak memory at 10,000 connections is {most / least:.2f} times that at 100")
