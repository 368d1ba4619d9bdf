"""CPU time of `$connect` without sign-in and with it, for each algorithm, with the issuer's keys in memory.

Without sign-in, the client has a key: bans and connections of its person are read, as with a token. DynamoDB is a server
on loopback. Each number is followed by its ratio to the first one's.
"""

import collections
import json
import statistics
import sys
import tempfile
from pathlib import Path

import bench_runtimes
from stack import ROOT

sys.path.append(str(ROOT / "Tests/EndToEnd"))

HELP = "$connect with sign-in, compared with $connect without"
EVENT = ROOT / "Tests/Events/connect-with-parameters.json"
PARAMETERS = {"room": "lobby", "name": "Ann"}


def add_arguments(parser):
    bench_runtimes.add_bootstrap_argument(parser)
    parser.add_argument("--invocations", type=int, default=2000, help="invocations of a run (2000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind, which alternate (5)")


def run(options):
    from fake_issuer import FakeIssuer
    from servers import Server

    operations = collections.Counter()

    def answer_dynamodb(_, __, headers, ___):
        operations[headers["X-Amz-Target"].rpartition(".")[2]] += 1
        is_query = headers["X-Amz-Target"].endswith(".Query")
        body = b'{"Count":0,"Items":[]}' if is_query else b"{}"
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, body

    driver = bench_runtimes.build_driver()
    with (
        bench_runtimes.executables(options) as executables,
        Server(("127.0.0.1", 0), answer_dynamodb) as dynamodb,
        FakeIssuer() as issuer,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
    ):
        environment = {
            **bench_runtimes.ENVIRONMENT,
            "_HANDLER": "connect",
            "MODERATION_TABLE_NAME": "Messages",
            "CONNECTIONS_PER_USER": "10",
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{dynamodb.server_port}",
        }
        signed_in = {**environment, "TOKEN_ISSUER": issuer.url, "TOKEN_AUDIENCE": issuer.client_id}
        kinds = {"key": ({"key": "x" * 22}, environment)}
        kinds |= {alg: ({"token": issuer.mint(alg, name="Ann")}, signed_in) for alg in issuer.keys}
        for name, executable in executables.items():
            found = {kind: [] for kind in kinds}
            for _ in range(options.runs):
                for kind, (parameters, variables) in kinds.items():
                    event = json.loads(EVENT.read_text())
                    event["queryStringParameters"] = PARAMETERS | parameters
                    file = Path(folder, "event.json")
                    file.write_text(json.dumps(event))
                    checkpoints = [options.invocations]
                    report = bench_runtimes.measure(driver, [executable.path], checkpoints, file, variables)
                    found[kind].append(report["cpuMs"])
                    # Only an accepted handshake writes a row.
                    if operations.pop("PutItem", 0) < options.invocations:
                        sys.exit(f"bench: {name} refused handshakes of {kind}")
            first = statistics.median(found["key"])
            print(f"{name}: CPU ms")
            for kind, values in found.items():
                print(f"  {kind:8}" + bench_runtimes.cells(statistics.median(values), first, ".3f"))
        print(f"The issuer's keys were fetched {len(issuer.parameters('/jwks'))} times.")
