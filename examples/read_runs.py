#!/usr/bin/env python3
"""Print the runs of saved outputs that lost packets or were slow, and write all runs to a CSV file.

    examples/read_runs.py runs.csv results-monday.json results-tuesday.json

The names of the metrics and their meanings: pscheduler batch-report --metrics
"""

import csv
import sys

from pscheduler_batch import InputError, read_runs

SLOW = 0.05  # Seconds; all numbers are in base units.


def main(written: str, *outputs: str) -> None:
    """Read the outputs one after the other, and collect a flat row for each run."""
    kept = []
    for run in read_runs(*outputs):
        kept.append(run.as_dict())
        if not run.succeeded:
            print(f"{run.label}: {run.reason}")
        elif run.metrics.get("loss", 0) > 0:
            print(f"{run.label}: {run.metrics['loss']:.1%} of the packets to {run.destination} were lost")
        elif run.metrics.get("rtt-p95", 0) > SLOW:
            print(f"{run.label}: 95 % of the round trips took up to {run.metrics['rtt-p95'] * 1000:.1f} ms")
    # Each test has metrics of its own.
    names = dict.fromkeys(name for run in kept for name in run)
    with open(written, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(kept)


if __name__ == "__main__":
    # The first file is replaced, which must not be an output.
    if len(sys.argv) < 3 or not sys.argv[1].endswith(".csv"):  # noqa: PLR2004 - the program, a CSV file and an output
        sys.exit(f"usage: {sys.argv[0]} FILE.csv OUTPUT-FILE...")
    try:
        main(*sys.argv[1:])
    except (InputError, OSError) as error:
        sys.exit(str(error))
