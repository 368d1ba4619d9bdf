"""From nothing to the first answer: the start of the process to its first `next`, the first invocation, memory, zip.

Medians of several runs, the runtimes taking turns; the last column is the ratio to the first runtime.
"""

import bench_runtimes
from bench_runtimes import add_arguments as add_common_arguments

HELP = "a process's start and its first invocation, against Python's runtime"


def add_arguments(parser):
    add_common_arguments(parser)
    parser.add_argument("--runs", type=int, default=15, help="how often each is started (15)")


def run(options):
    driver = bench_runtimes.build_driver()
    with bench_runtimes.runtimes(options) as runtimes:
        reports = {name: [] for name in runtimes}
        for _ in range(options.runs):
            for name, (command, _) in runtimes.items():
                reports[name].append(bench_runtimes.measure(driver, command, [1, 10]))
        print(f"{'':12}{'start ms':>10}{'first ms':>10}{'RSS MB':>10}{'zip MB':>10}{'start ratio':>14}")
        base = None
        for name, (_, size) in runtimes.items():
            start = bench_runtimes.medians(reports[name], "startMs")
            base = base or start
            resident = sorted(report["samples"][-1]["residentKB"] for report in reports[name])[options.runs // 2] / 1024
            first = bench_runtimes.medians(reports[name], "firstMs")
            zipped = f"{size / 1e6:10.2f}" if size else f"{'':>10}"
            print(f"{name:12}{start:10.2f}{first:10.2f}{resident:10.1f}{zipped}{start / base:14.1f}")
