"""
Find nulls where a known test expects a host.

jq returns null for an element beyond the end of an array, so an iteration too many makes a task without a destination.
What a spec may contain is for servers to decide (ADR 8), so this is a warning.
"""

from __future__ import annotations

from typing import List, Mapping, Tuple

from pscheduler_batch.errors import WARNING, Problem
from pscheduler_batch.model import JSON
from pscheduler_batch.text import show

_ONE_HOST = ("host", "host-node")
_TWO_HOSTS = ("source", "source-node", "dest", "dest-node")

# The names of hosts in the specs of pScheduler's tests.
_HOSTS: Mapping[str, Tuple[str, ...]] = {
    **dict.fromkeys(("dhcp", "dot1x", "idle", "idlebgm", "idleex", "netreach", "noop", "wifibssid"), _ONE_HOST),
    **dict.fromkeys(
        (
            "clock",
            "latency",
            "latencybg",
            "mtu",
            "openports",
            "psresponse",
            "rtt",
            "simplestream",
            "throughput",
            "trace",
        ),
        _TWO_HOSTS,
    ),
    "disk-to-disk": ("host", "source", "dest"),
    "dns": (*_ONE_HOST, "query", "nameserver"),
    "http": (*_ONE_HOST, "url"),
    "s3throughput": (*_ONE_HOST, "url"),
}


def find_null_hosts(task: JSON) -> List[Problem]:
    """
    Find the hosts of a test that are null.

    >>> [problem.where for problem in find_null_hosts({"test": {"type": "rtt", "spec": {"dest": None}}})]
    ['/test/spec/dest']

    Args:
        task: Any task, with any errors in it.

    Returns:
        Warnings, whose pointers are relative to the task; none for tests that are not known.
    """
    test = task.get("test") if isinstance(task, Mapping) else None
    spec = test.get("spec") if isinstance(test, Mapping) else None
    if not isinstance(test, Mapping) or not isinstance(spec, Mapping) or None not in spec.values():
        return []
    kind = test.get("type")
    names = _HOSTS.get(kind, ()) if isinstance(kind, str) else ()
    return [
        Problem(f"/test/spec/{name}", f"found null, expected {_expected(name)} for {show(kind)}", severity=WARNING)
        for name in names
        if name in spec and spec[name] is None
    ]


def _expected(name: str) -> str:
    return "a URL" if name == "url" else "a host"
