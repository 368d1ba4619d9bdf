"""Warm invocations one after the other: time, processor time, and whether memory, threads or descriptors grow.

The time of an invocation is from when the Runtime API takes `next` to when it has the response; the processor time is
that of the process alone. Growth is between two numbers of invocations.
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
        print(f"{'':12}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms':>8}{'CPU ratio':>11}", end="")
        print(f"{'RSS MB':>16}{'growth':>9}{'threads':>10}{'descriptors':>13}")
        base = None
        for name, (command, _) in runtimes.items():
            report = bench_runtimes.measure(driver, command, [options.early, options.invocations])
            early, late = report["samples"]
            base = base or report["cpuMs"]
            print(f"{name:12}{report['p50Ms']:8.3f}{report['p99Ms']:8.3f}{report['cpuMs']:8.3f}", end="")
            print(f"{report['cpuMs'] / base:11.2f}", end="")
            print(f"{early['residentKB'] / 1024:8.1f}{late['residentKB'] / 1024:8.1f}", end="")
            print(f"{late['residentKB'] / early['residentKB'] - 1:9.1%}", end="")
            print(f"{early['threads']:7}{late['threads']:3}{early['fileDescriptors']:9}{late['fileDescriptors']:4}")
