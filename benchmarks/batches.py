"""The batches of the benchmarks, as simple as each case allows."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence

HOSTS_IN_GLOBAL = 1000

PRE = ".reference.batch = $global.name | .reference.iteration = $iteration"
TRANSFORM = (
    "$global.hosts[$iteration % ($global.hosts | length)] as $host "
    "| .test.spec.dest = $host.address | .test.spec.count = $count + $iteration % 10"
)
POST = '.schedule.slip = "PT5M" | .reference.site = $global.site'


def idle_spec(host: str) -> Dict[str, Any]:
    """Return the spec of a test that takes no time on a host."""
    return {"schema": 1, "duration": "PT0S", "host": host}


def runs_batch(hosts: Sequence[str], runs: int, *, parallel: bool, **pairs: Any) -> bytes:
    """
    Return a batch with one job, without transforms.

    Args:
        hosts: The hosts that make the runs, in turn.
        runs: The total number of runs.
        parallel: Whether the job is parallel.
        pairs: Further pairs of the job; underscores in names become hyphens.
    """
    tasks: List[Any] = [{"test": {"type": "idle", "spec": idle_spec(host)}} for host in hosts]
    job: Dict[str, Any] = {"label": "runs", "task": tasks[0], "iterations": runs}
    if len(hosts) > 1:
        job = {"label": "runs", "task": [tasks[number % len(tasks)] for number in range(runs)]}
    if parallel:
        job |= {"parallel": True, "sync-start": False}
    job |= {name.replace("_", "-"): value for name, value in pairs.items()}
    return json.dumps({"schema": 1, "jobs": [job]}).encode()


def planning_batch(iterations: int) -> bytes:
    """Return a batch with all three transforms and a large ``$global``."""
    hosts = [
        {"name": f"ps{number}.example.net", "address": f"192.0.{2 + number // 250}.{number % 250}", "site": "here"}
        for number in range(HOSTS_IN_GLOBAL)
    ]
    document = {
        "schema": 1,
        "global": {
            "data": {"name": "benchmark", "site": "here", "hosts": hosts},
            "transform-pre": {"script": PRE},
            "transform-post": {"script": POST},
        },
        "jobs": [
            {
                "label": "planning",
                "iterations": iterations,
                "parallel": True,
                "task": {"test": {"type": "rtt", "spec": {"schema": 1, "dest": "192.0.2.1"}}},
                "task-transform": {"script": TRANSFORM, "args": {"count": 10}},
            }
        ],
    }
    return json.dumps(document).encode()
