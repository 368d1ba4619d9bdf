"""Warm invocations one after the other: time, processor time, and whether memory, threads or descriptors grow.

The time of an invocation is from when the Runtime API takes `next` to when it has the response; the processor time is
that of the process alone. Beside both stands the ratio to the first runtime's. Growth is between two numbers of
invocations.
"""

import bench_runtimes
from bench_runtimes import add_arguments as add_common_arguments

HELP = "warm invocations and what they leave behind, against Python's runtime"


def add_arguments(parser):
    add_common_arguments(parser)
    parser.add_argument("--early", type=int, default=2000, help="the first look at memory (2000)")
    parser.add_argument("--invocations", type=int, default=20_000, help="the last one, and the end (20000)")


def run(options):
    driver = bench_runtimes.build_driver()
    with bench_runtimes.runtimes(options) as runtimes:
        print(f"{'':12}{'p50 ms':>10}{'ratio':>7}{'CPU ms':>10}{'ratio':>7}{'p99 ms':>10}", end="")
        print(f"{'RSS MB':>16}{'growth':>9}{'threads':>10}{'descriptors':>13}")
        first = None
        for name, (command, _) in runtimes.items():
            report = bench_runtimes.measure(driver, command, [options.early, options.invocations])
            early, late = report["samples"]
            first = first or report
            print(f"{name:12}", end="")
            for column in ("p50Ms", "cpuMs"):
                print(bench_runtimes.cells(report[column], first[column], ".3f"), end="")
            print(f"{report['p99Ms']:10.3f}", end="")
            print(f"{early['residentKB'] / 1024:8.1f}{late['residentKB'] / 1024:8.1f}", end="")
            print(f"{late['residentKB'] / early['residentKB'] - 1:9.1%}", end="")
            print(f"{early['threads']:7}{late['threads']:3}{early['fileDescriptors']:9}{late['fileDescriptors']:4}")
