"""Duration and CPU time of warm, sequential invocations, and growth of memory, threads and descriptors.

An invocation lasts from the Runtime API's receipt of `next` to its receipt of the response. CPU time is that of the
process alone. Both are followed by their ratios to the first runtime's. Growth is measured between two samples.
"""

import bench_runtimes
from bench_runtimes import add_arguments as add_common_arguments

HELP = "warm invocations and growth of memory, compared with Python's runtime"


def add_arguments(parser):
    add_common_arguments(parser)
    parser.add_argument("--early", type=int, default=2000, help="invocations before the first sample (2000)")
    parser.add_argument("--invocations", type=int, default=20_000, help="invocations before the second, last sample (20000)")


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
