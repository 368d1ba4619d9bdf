"""Time from the process's start to its first `next`, time of the first invocation, memory, and size of the zip.

The numbers are medians of several runs, in which the runtimes alternate. Each is followed by its ratio to the first
runtime's.
"""

import statistics

import bench_runtimes
from bench_runtimes import add_arguments as add_common_arguments

HELP = "start and first invocation, compared with Python's runtime"
COLUMNS = ["start ms", "first ms", "RSS MB", "zip MB"]


def add_arguments(parser):
    add_common_arguments(parser)
    parser.add_argument("--runs", type=int, default=15, help="the number of starts of each runtime (15)")


def run(options):
    driver = bench_runtimes.build_driver()
    with bench_runtimes.runtimes(options) as runtimes:
        reports = {name: [] for name in runtimes}
        for _ in range(options.runs):
            for name, (command, _) in runtimes.items():
                reports[name].append(bench_runtimes.measure(driver, command, [1, 10]))
        print(" " * 12 + "".join(f"{column:>10}{'ratio':>7}" for column in COLUMNS))
        first = None
        for name, (_, size) in runtimes.items():
            resident = statistics.median(report["samples"][-1]["residentKB"] for report in reports[name])
            values = [
                bench_runtimes.medians(reports[name], "startMs"),
                bench_runtimes.medians(reports[name], "firstMs"),
                resident / 1024,
                size and size / 1e6,
            ]
            first = first or values
            pairs = zip(values, first, strict=True)
            print(f"{name:12}" + "".join(bench_runtimes.cells(*pair, ".2f") for pair in pairs))
