"""
Find what the server will probably refuse in the spec of a test: unknown pairs, wrong values, missing pairs (ADR 67).

The server decides what a spec may contain (ADR 8) and may be newer than this program, so these are warnings.
"""

from __future__ import annotations

from typing import List, Mapping

from pscheduler_batch.errors import WARNING, Problem
from pscheduler_batch.input.test_specs import kind_of_spec, known_tests
from pscheduler_batch.input.validation import explain
from pscheduler_batch.model import JSON
from pscheduler_batch.pointers import pointer
from pscheduler_batch.text import show


def find_spec_warnings(task: JSON) -> List[Problem]:
    """
    Find what is wrong in the spec of the test of a task.

    >>> [problem.reason for problem in find_spec_warnings({"test": {"type": "rtt", "spec": {"dst": "ps.example.net"}}})]
    ['the rtt spec has no pair "dst"; did you mean "dest"?']

    Args:
        task: Any task, with any errors in it.

    Returns:
        Warnings, whose pointers are relative to the task; none for tests that are not known, unless the name of a known
        one is written in capitals or with spaces around it.
    """
    test = task.get("test") if isinstance(task, Mapping) else None
    kind = test.get("type") if isinstance(test, Mapping) else None
    if not isinstance(test, Mapping) or not isinstance(kind, str):
        return []
    if kind not in known_tests():
        meant = kind.strip().lower()
        reason = f"pScheduler has no test {show(kind)}; did you mean {show(meant)}?"
        return [Problem("/test/type", reason, severity=WARNING)] if meant in known_tests() else []
    spec = test.get("spec")
    if not isinstance(spec, Mapping):
        return []
    newest = known_tests()[kind].versions
    declared = spec.get("schema")
    if isinstance(declared, int) and declared > newest:
        reason = f"found {declared}; the highest version of the {kind} spec that this program knows is {newest}"
        return [Problem("/test/spec/schema", reason, severity=WARNING)]
    return [
        Problem(pointer(("test", "spec", *finding.path)), finding.reason, severity=WARNING, at_name=finding.at_name)
        for finding in explain(kind_of_spec(kind), spec)
    ]
