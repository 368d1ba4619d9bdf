"""Messages to rooms of up to a million people: time, duplicates, memory, and the delay of messages in a busy room.

Each function of the chat is a process of the bootstrap, as in Lambda. Benchmarks/DeliveryModel serves what they call, on
loopback and without TLS: API Gateway's management API with the account's quota, DynamoDB, and Lambda with cold starts,
retries and dead letters. Rows of connections are computed from their number. The settings are those of
infra/template.yaml.

Everything runs on this machine, so rates are divided by a factor, and times are multiplied by it. Times inside the bootstrap,
such as the lease of a delivery and the interval of its checkpoints, are not: relative to the rest they are shorter by the
factor. All numbers in the tables are in AWS's time. `late` is the 99th percentile of the time by which the model's responses
were late: where it is not far below the response time, choose a greater factor.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_runtimes
import delivery_picture
import delivery_scenarios
from bench_runtimes import add_bootstrap_argument, executables
from builds import BUILDS
from delivery_results import Result
from processes import child
from stack import ROOT

HELP = "deliveries to rooms of up to a million people, against a model of AWS"
PICTURE = ROOT / "dist/delivery.svg"
# Time for the start and the end of a scenario's program, in seconds.
SPARE = 120


def factor(text):
    value = float(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100")
    return value


def add_arguments(parser):
    add_bootstrap_argument(parser)
    default = 1 if (os.cpu_count() or 1) >= 4 else 2
    parser.add_argument(
        "--factor",
        type=factor,
        default=default,
        help=f"divide rates and multiply times by this number ({default}: 1 with four cores or more, else 2)",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=delivery_scenarios.NAMES,
        metavar="NAME",
        help=f"run this scenario only; repeat for several (all: {', '.join(delivery_scenarios.NAMES)})",
    )
    parser.add_argument("--people", type=int, help="the number of people in the large room (the scenario's)")
    parser.add_argument("--json", type=Path, metavar="DIR", help="write each scenario's report and the functions' logs to DIR")
    parser.add_argument("--model", type=Path, metavar="FILE", help="run this build of Benchmarks/DeliveryModel")


def run(options):
    model = options.model or bench_runtimes.build_driver("DeliveryModel")
    names = options.scenario or delivery_scenarios.NAMES
    results = []
    with executables(options, {"lean": BUILDS["lean"]}) as measured:
        for name, executable in measured.items():
            for scenario in delivery_scenarios.scenarios(names, options.people):
                report = simulate(model, scenario, executable.path, options)
                result = Result(scenario, report, name)
                results.append(result)
                result.print(file=sys.stderr)
    print_tables(results, options.factor)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(delivery_picture.draw(results))
    print(f"\npicture: {PICTURE.relative_to(ROOT)}")
    failures = [failure for result in results for failure in result.failures()]
    if failures:
        sys.exit("\n".join(["bench: not as documented:", *failures]))


def simulate(model, scenario, executable, options):
    """Runs a scenario and returns the model's report."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        folder = options.json.resolve() / scenario.name if options.json else Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            log.unlink()
        file = folder / "scenario.json"
        file.write_text(json.dumps(scenario.configuration(executable, folder, options.factor)))
        with open(folder / "report.json", "wb") as output, child([model, file], stdout=output) as process:
            try:
                code = process.wait(timeout=scenario.seconds * options.factor + SPARE)
            except subprocess.TimeoutExpired:
                sys.exit(f"bench: the scenario {scenario.name} did not end in time")
        if code != 0:
            sys.exit(f"bench: the model ended with {code}; see its output above")
        return json.loads((folder / "report.json").read_text())


def print_tables(results, scale):
    print(f"{os.cpu_count()} cores; rates are divided by {scale:g}, times multiplied; all numbers are in AWS's time")
    for kind in dict.fromkeys(result.scenario.kind for result in results):
        rows = [result.row() for result in results if result.scenario.kind == kind]
        table = [list(rows[0]), *([f"{value}" for value in row.values()] for row in rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        print()
        for line in table:
            print("  ".join(cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(zip(line, widths, strict=True))))
