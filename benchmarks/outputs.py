"""Write outputs of batches for the benchmark of reports: as the batch processor writes them, but of any size."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, Dict, Iterator

from pscheduler_batch.scheduler.tasks import MARK

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
JOBS = 4
PACKETS = 8
LENGTHS = (64, 256, 512, 1024)
# One run in so many fails.
FAILING = 100

_PAGE = """<table>
<tr><td>Roundtrips</td><td><table>
<tr><th>Sequence</th><th>Length</th><th>TTL</th><th>RTT</th></tr>
%s
</table></td></tr>
<tr><td>Loss</td><td>0 %%</td></tr>
</table>"""


def write_output(path: Path, runs: int, start: datetime = START) -> None:
    """
    Write the output of a batch of round-trip measurements, about 4 kB for each run.

    Args:
        path: The file.
        runs: How many runs, in a few jobs that vary the length of packets.
        start: When the batch started.
    """
    random = Random(runs + int(start.timestamp()))  # noqa: S311 - not a secret
    with path.open("w", encoding="ascii") as file:
        file.write('{\n  "schema": 3,\n  "jobs": [')
        for number in range(JOBS):
            job = {"label": f"rtt-{number}", "iterations": runs // JOBS, "task": _task(0)}
            pairs = json.dumps(job, indent=2)[1:-2]
            file.write(f'{"," if number else ""}\n    {{{pairs},\n  "results": [')
            for iteration, result in enumerate(_results(runs // JOBS, random, start)):
                file.write(f"{',' if iteration else ''}\n{json.dumps(result, indent=2)}")
            file.write("]\n    }")
        batch = {"start": start.isoformat(), "end": (start + timedelta(seconds=3 * runs)).isoformat()}
        file.write(f'\n  ],\n  "batch": {json.dumps(batch)}\n}}\n')


def _task(iteration: int) -> Dict[str, Any]:
    spec = {"source": "ps.example.net", "dest": "192.0.2.1", "count": PACKETS, "length": LENGTHS[iteration % 4]}
    return {"reference": {MARK: f"{iteration:032x}"}, "schedule": {}, "test": {"type": "rtt", "spec": spec}}


def _results(number: int, random: Random, start: datetime) -> Iterator[Dict[str, Any]]:
    for iteration in range(number):
        task = _task(iteration)
        if iteration % FAILING == FAILING - 1:
            yield {"task": task, "runs": [_run(start, iteration, {"succeeded": False, "error": "Timed out"}, "")]}
            continue
        times = [round(random.lognormvariate(-7, 0.3), 6) for _ in range(PACKETS)]
        trips = [
            {"seq": packet, "length": 72, "ip": "192.0.2.1", "ttl": 58, "rtt": f"PT{time:f}S"}
            for packet, time in enumerate(times, start=1)
        ]
        measured = {
            "succeeded": True,
            "roundtrips": trips,
            "sent": PACKETS,
            "received": PACKETS,
            "lost": 0,
            "loss": 0.0,
            "duplicates": 0,
            "reorders": 0,
            "min": f"PT{min(times):f}S",
            "max": f"PT{max(times):f}S",
            "mean": f"PT{sum(times) / PACKETS:f}S",
        }
        lines = (f"{trip['seq']}\t192.0.2.1\t72 Bytes  TTL 58  RTT {trip['rtt']}" for trip in trips)
        yield {"task": task, "runs": [_run(start, iteration, measured, "\n".join(lines))]}


def _run(begin: datetime, iteration: int, result: Dict[str, Any], text: str) -> Dict[str, Any]:
    start = begin + timedelta(seconds=3 * iteration)
    cells = (f"<tr><td>{'</td><td>'.join(line.split())}</td></tr>" for line in text.split("\n"))
    return {
        "application/json": result,
        "text/plain": text,
        "text/html": _PAGE % "\n".join(cells),
        "run": {
            "href": f"https://ps.example.net/pscheduler/tasks/t/runs/{iteration}",
            "state": "finished" if result["succeeded"] else "failed",
            "start-time": start.isoformat(),
            "end-time": (start + timedelta(seconds=2)).isoformat(),
            "participants": ["ps.example.net"],
        },
    }
